#include <cstdio>
#include <cxxopts.hpp>

#include "agent/agent_client.h"
#include "agent/commands.h"
#include "agent/given_text.h"
#include "tunnel/base/plain_text.h"

namespace culvert::agent {
namespace {

constexpr std::chrono::seconds kAnswerWithin{5};
constexpr int kCarried = 0, kDirect = 1, kFailed = 2;

struct Options {
  std::string agent, host;
  bool help = false;
};

// "host", "host:port", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80". Which port it is plays no
// part in the decision.
Result<std::string> host_of(const std::string& text) {
  if (IpAddress::parse(text)) return text;
  const auto parsed = HostPort::parse(text, 1);
  if (!parsed) return fail(parsed.error());
  if (parsed->host.size() > CULVERT_NAME_MAX)
    return fail(ErrorCode::kBadInput, "the host name is longer than any can be");
  return parsed->host;
}

Result<Options> parse(std::span<char* const> arguments, std::string& help) {
  cxxopts::Options options(
      "culvert why",
      "Says whether connections of programs to HOST are carried by Culvert, and why: one\n"
      "sentence for each step of the decision. Exit status: 0 carried, 1 not, 2 it failed.\n");
  options.custom_help("[OPTION...] HOST[:PORT]");
  options.positional_help("");
  options.add_options()("agent",
                        "the agent's control socket (default: $CULVERT_AGENT, "
                        "$XDG_RUNTIME_DIR/culvert/agent.sock, /run/culvert/agent.sock)",
                        cxxopts::value<std::string>(), "SOCKET")("h,help", "show this text");
  help = options.help();
  std::vector<const char*> words{"culvert why"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  try {
    const auto given = options.parse(static_cast<int>(words.size()), words.data());
    Options out{given_text(given, "agent"), "", given.count("help") != 0};
    if (out.help) return out;
    if (given.unmatched().size() != 1)
      return fail(ErrorCode::kBadInput, "give one HOST or HOST:PORT; see culvert why --help");
    auto host = host_of(given.unmatched().front());
    if (!host) return fail(host.error());
    out.host = std::move(*host);
    return out;
  } catch (const cxxopts::exceptions::exception& error) {
    return fail(ErrorCode::kBadInput, std::string(error.what()) + "; see culvert why --help");
  }
}

Result<std::string> ask_any(const Options& options) {
  Result<std::string> answer = fail(ErrorCode::kIo, "no agent is running");
  for (const auto& socket : agent_sockets(options.agent)) {
    answer = ask_why(socket, options.host, kAnswerWithin);
    if (answer) return answer;
  }
  return answer;
}

int complain(const std::string& what) {
  std::fprintf(stderr, "culvert why: %s\n", plain_text(what).c_str());
  return kFailed;
}

}  // namespace

int why_command(std::span<char* const> arguments) {
  std::string help;
  const auto options = parse(arguments, help);
  if (!options) return complain(options.error().detail);
  if (options->help) {
    std::fputs(help.c_str(), stdout);
    return 0;
  }
  const auto answer = ask_any(*options);
  if (!answer) return complain(answer.error().detail);
  const auto line = answer->find('\n');
  const auto verdict = answer->substr(0, line);
  if (line == std::string::npos || (verdict != "carried" && verdict != "direct"))
    return complain("the agent gave no answer: install agent and culvert of one release");
  std::fputs(plain_text(answer->substr(line + 1), /*keep_lines=*/true).c_str(), stdout);
  return verdict == "carried" ? kCarried : kDirect;
}

}  // namespace culvert::agent
