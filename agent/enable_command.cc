#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cxxopts.hpp>
#include <filesystem>

#include "agent/agent_client.h"
#include "agent/commands.h"
#include "agent/given_text.h"
#include "agent/state_file.h"
#include "agent/system_wide_force.h"
#include "tunnel/base/text.h"

namespace culvert::agent {
namespace {

constexpr std::chrono::seconds kAnswerWithin{5};

struct Options {
  std::string agent;
  std::vector<std::string> users, slices;
  bool all = false, again = false, status = false, help = false;
};

Result<Options> parse(std::span<char* const> arguments, std::string& help) {
  cxxopts::Options options(
      "culvert enable",
      "Carries programs that were not started by culvert run: all of a user, of a control group, "
      "or\n"
      "of the whole machine, from their next connection on. What is enabled adds up, and stays\n"
      "until culvert disable. Needs root, and a running agent; programs of the user that the "
      "agent\n"
      "runs as are never carried. Connections that exist are not touched.\n");
  options.custom_help("OPTION...");
  options.add_options()("user", "the programs of this user, a name or a uid; may be repeated",
                        cxxopts::value<std::vector<std::string>>(), "NAME")(
      "slice",
      "what runs in this slice or service of systemd, or in this control group; may be repeated",
      cxxopts::value<std::vector<std::string>>(), "NAME")("all", "every program of the machine")(
      "again",
      "renew what is enabled, with the agent's configuration of now; nothing if nothing is")(
      "status", "show what is enabled, and whether it is in force; exit status 1: nothing is")(
      "agent", "the agent's control socket (default: /run/culvert/agent.sock)",
      cxxopts::value<std::string>(), "SOCKET")("h,help", "show this text");
  help = options.help();
  std::vector<const char*> words{"culvert enable"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  try {
    const auto given = options.parse(static_cast<int>(words.size()), words.data());
    Options out;
    out.agent = given_text(given, "agent");
    if (given.count("user") != 0) out.users = given["user"].as<std::vector<std::string>>();
    if (given.count("slice") != 0) out.slices = given["slice"].as<std::vector<std::string>>();
    out.all = given.count("all") != 0;
    out.again = given.count("again") != 0;
    out.status = given.count("status") != 0;
    out.help = given.count("help") != 0;
    const bool chooses = out.all || !out.users.empty() || !out.slices.empty();
    if (!given.unmatched().empty() || (!chooses && !out.again && !out.status && !out.help))
      return fail(
          ErrorCode::kBadInput,
          "say whom to carry: --user NAME, --slice NAME or --all; see culvert enable --help");
    return out;
  } catch (const cxxopts::exceptions::exception& error) {
    return fail(ErrorCode::kBadInput, std::string(error.what()) + "; see culvert enable --help");
  }
}

Result<uid_t> find_user(const std::string& name) {
  uid_t uid = 0;
  if (parse_number(name, uid)) return uid;
  if (const auto* entry = ::getpwnam(name.c_str())) return entry->pw_uid;
  return fail(ErrorCode::kNameUnknown, "there is no user '" + name + "' on this machine");
}

template <class Value>
void add(std::vector<Value>& all, const Value& one) {
  if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
}

Result<void> choose(const Options& options, SystemWide& setting) {
  setting.all = setting.all || options.all;
  for (const auto& name : options.users) {
    const auto uid = find_user(name);
    if (!uid) return fail(uid.error());
    if (*uid == setting.agent_uid)
      return fail(ErrorCode::kBadInput,
                  "the agent runs as user '" + name +
                      "', whose packets are never touched: run the agent as a user of its own "
                      "(its unit file does)");
    add(setting.users, *uid);
  }
  for (const auto& name : options.slices) {
    const auto path = find_slice(name);
    if (!path) return fail(path.error());
    add(setting.slices, *path);
  }
  return {};
}

// What the rules and the NSS module have to know of the agent.
Result<void> describe_agent(const std::string& socket, SystemWide& setting) {
  const auto facts = ask_agent(socket, kAnswerWithin);
  if (!facts) return fail(facts.error());
  const auto link = open_agent(socket);
  if (!link) return fail(link.error());
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(link->get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return fail(ErrorCode::kIo, "cannot see whose the agent is");
  setting.socket = socket;
  setting.agent_uid = peer.uid;
  setting.pool = facts->pool;
  setting.domains = facts->domains;
  setting.forwarding = facts->forwarding;
  setting.name_server = facts->name_server;
  return {};
}

Result<bool> tell_agent(const std::string& socket) {
  const auto link = open_agent(socket);
  if (!link) return fail(link.error());
  const auto answer = ask_agent_on(*link, make_question(CULVERT_TELL_SYSTEM_WIDE), kAnswerWithin);
  if (!answer) return fail(answer.error());
  if (answer->verdict == CULVERT_FAIL)
    return fail(ErrorCode::kNotPermitted, std::string("the agent cannot: ") + &answer->name[0]);
  return answer->verdict == CULVERT_FOUND;
}

Result<void> write_setting(const SystemWide& setting) {
  std::error_code ignored;  // writing says what is wrong
  const auto directory = std::filesystem::path(kSystemWideFile).parent_path();
  std::filesystem::create_directories(directory, ignored);
  return write_state_file(kSystemWideFile, to_text(setting), 0644);
}

Result<void> take_up(const SystemWide& setting) {
  CULVERT_RETURN_IF_ERROR(write_setting(setting));
  const auto told = tell_agent(setting.socket);
  if (!told) return fail(told.error());
  if (!*told)
    return fail(ErrorCode::kIo, "the agent on '" + setting.socket +
                                    "' calls its socket otherwise: name it with --agent as "
                                    "control_socket in its configuration does");
  CULVERT_RETURN_IF_ERROR(put_in_force(setting));
  (void)tell_agent(setting.socket);  // upon which it tells the new rules that it lives
  return {};
}

// The setting that was there before is in force again, or nothing is.
void take_back(const Result<SystemWide>& before, const std::string& socket) {
  if (before) {
    (void)write_setting(*before);
    (void)put_in_force(*before);
  } else {
    ::unlink(kSystemWideFile);
    (void)withdraw();
  }
  (void)tell_agent(socket);
}

Result<void> enable(const Options& options) {
  if (::geteuid() != 0)
    return fail(ErrorCode::kNotPermitted, "this takes root: it changes rules of the whole machine");
  const auto before = load_system_wide();
  if (!before && before.error().code != ErrorCode::kNameUnknown) return fail(before.error());
  if (!before && options.again) return {};
  SystemWide setting;
  if (before) setting = *before;
  const auto socket = !options.agent.empty() ? options.agent
                      : before               ? before->socket
                                             : agent_sockets("/run/culvert/agent.sock").front();
  CULVERT_RETURN_IF_ERROR(describe_agent(socket, setting));
  CULVERT_RETURN_IF_ERROR(choose(options, setting));
  if (const auto done = take_up(setting); !done) {
    take_back(before, socket);
    return fail(done.error());
  }
  return {};
}

std::string describe(const SystemWide& setting) {
  if (setting.all) return "every program of this machine\n";
  std::string out;
  for (const auto uid : setting.users) {
    const auto* entry = ::getpwuid(uid);
    out += "programs of user " +
           (entry != nullptr ? std::string(entry->pw_name) : std::to_string(uid)) + "\n";
  }
  for (const auto& slice : setting.slices) out += "programs in " + slice + "\n";
  return out;
}

int show_status() {
  const auto setting = load_system_wide();
  if (!setting && setting.error().code == ErrorCode::kNameUnknown) {
    std::puts("nothing is enabled");
    return 1;
  }
  if (!setting) {
    std::fprintf(stderr, "culvert enable: %s\n", setting.error().detail.c_str());
    return 1;
  }
  std::fputs(describe(*setting).c_str(), stdout);
  const auto forced = in_force();
  std::printf("rules: %s\n", !forced   ? "only root may see them"
                             : *forced ? "in force"
                                       : "missing: run culvert enable --again");
  const auto agent = ask_agent(setting->socket, kAnswerWithin);
  std::printf("agent: %s\n", agent ? "answers" : agent.error().detail.c_str());
  return 0;
}

}  // namespace

int enable_command(std::span<char* const> arguments) {
  std::string help;
  const auto options = parse(arguments, help);
  if (!options) {
    std::fprintf(stderr, "culvert enable: %s\n", options.error().detail.c_str());
    return 2;
  }
  if (options->help) {
    std::fputs(help.c_str(), stdout);
    return 0;
  }
  if (options->status) return show_status();
  const auto done = enable(*options);
  if (!done) {
    std::fprintf(stderr, "culvert enable: %s\n", done.error().detail.c_str());
    return 1;
  }
  return 0;
}

}  // namespace culvert::agent
