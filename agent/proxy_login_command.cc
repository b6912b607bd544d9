#include <fcntl.h>
#include <pwd.h>
#include <sodium.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>

#include "agent/commands.h"
#include "agent/given_text.h"
#include "agent/keyring.h"
#include "agent/unseen.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {
namespace {

constexpr const char* kAbout =
    "Asks who you are to a proxy, and keeps that in the kernel's keyring of this user until the\n"
    "machine starts anew. An agent of the same user gives it to this proxy, if the configuration\n"
    "or the environment names it, with the next attempt. Without a terminal, user and password\n"
    "are two lines of standard input. The agent of the package: sudo -u culvert culvert ...\n";

struct Options {
  HostPort proxy;
  std::string user;
  bool forget = false, help = false;
};

Result<Options> parse(std::span<char* const> arguments, std::string& help) {
  cxxopts::Options options("culvert proxy-login", kAbout);
  options.custom_help("[OPTION...]");
  options.positional_help("HOST:PORT");
  options.add_options()("user", "your name there; DOMAIN\\NAME for a domain of Windows",
                        cxxopts::value<std::string>(), "NAME")("forget", "take it away again")(
      "h,help", "show this text")("proxy", "", cxxopts::value<std::string>());
  options.parse_positional({"proxy"});
  help = options.help();
  std::vector<const char*> words{"culvert proxy-login"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  try {
    const auto given = options.parse(static_cast<int>(words.size()), words.data());
    Options out;
    out.help = given.count("help") != 0;
    if (out.help) return out;
    auto proxy = HostPort::parse(given_text(given, "proxy"));
    if (!given.unmatched().empty() || !proxy || proxy->port == 0)
      return fail(ErrorCode::kBadInput,
                  "it needs one proxy, as in culvert proxy-login proxy.example.net:3128");
    out.proxy = *proxy;
    out.user = given_text(given, "user");
    out.forget = given.count("forget") != 0;
    return out;
  } catch (const cxxopts::exceptions::exception& error) {
    return fail(ErrorCode::kBadInput,
                std::string(error.what()) + "; see culvert proxy-login --help");
  }
}

// A line without its end; the prompt goes to a terminal alone.
bool ask(int terminal, const std::string& prompt, std::string& answer) {
  const bool shown = terminal != STDIN_FILENO;
  if (shown && ::write(terminal, prompt.data(), prompt.size()) < 0) return false;
  char c = 0;
  while (::read(terminal, &c, 1) == 1) {
    if (c == '\n') return true;
    if (answer.size() == 1024) return false;
    answer += c;
  }
  return !answer.empty();
}

std::string user_name() {
  const auto* const entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : std::to_string(::geteuid());
}

Result<void> keep(const Options& options) {
  const UniqueFd at_terminal(
      ::isatty(STDIN_FILENO) != 0 ? ::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC) : -1);
  const int terminal = at_terminal ? at_terminal.get() : STDIN_FILENO;
  std::string user = options.user, password;
  const auto whom = options.proxy.to_string();
  if (user.empty() && !ask(terminal, "user at " + whom + ": ", user))
    return fail(ErrorCode::kBadInput, "no user was given");
  bool answered = false;
  {
    const Unseen unseen(terminal);
    answered = ask(terminal, "password of " + user + " at " + whom + ": ", password);
  }
  if (at_terminal) std::puts("");
  if (!answered) return fail(ErrorCode::kBadInput, "no password was given");
  auto kept = keep_in_keyring(options.proxy, user, password);
  sodium_memzero(password.data(), password.size());
  return kept;
}

}  // namespace

int proxy_login_command(std::span<char* const> arguments) {
  std::string help;
  const auto options = parse(arguments, help);
  const auto say_why = [](const Error& why) {
    std::fprintf(stderr, "culvert proxy-login: %s\n", why.detail.c_str());
  };
  if (!options) {
    say_why(options.error());
    return 2;
  }
  if (options->help) {
    std::fputs(help.c_str(), stdout);
    return 0;
  }
  if (options->forget) {
    const auto removed = remove_from_keyring(options->proxy);
    if (!removed) say_why(removed.error());
    if (removed) std::puts(*removed ? "forgotten" : "nothing was kept for this proxy");
    return removed ? 0 : 1;
  }
  if (const auto kept = keep(*options); !kept) {
    say_why(kept.error());
    return 1;
  }
  std::printf("kept for agents of the user %s; they use it with their next attempt\n",
              user_name().c_str());
  return 0;
}

}  // namespace culvert::agent
