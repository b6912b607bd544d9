#include "agent/run_command.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "agent/activated_sockets.h"
#include "agent/agent_client.h"
#include "agent/elf_check.h"
#include "agent/enclosure.h"
#include "agent/private_agent.h"
#include "agent/program_path.h"
#include "agent/proxy_telling.h"
#include "agent/supervision.h"

namespace culvert::agent {
namespace {

constexpr int kCulvertFailed = 125;  // the numbers of env(1)
constexpr int kCannotExecute = 126;
constexpr int kNoCommand = 127;
constexpr std::chrono::seconds kAnswerWithin{5};
constexpr std::chrono::seconds kReadyWithin{20};

constexpr const char* kUsage =
    "usage: culvert run [--agent SOCKET | --private] [--how WAY] [--explain] [--] COMMAND\n"
    "                   [ARGUMENT...]\n"
    "\n"
    "Runs COMMAND so that it reaches virtual host names; everything else about it stays as it\n"
    "is: its exit status, signals and terminal are its own.\n"
    "\n"
    "  --agent SOCKET  use the agent that answers there, and no other\n"
    "  --private       start an agent for this command alone, whatever agent runs already; one\n"
    "                  with the same identity (state_directory) still serves this command too\n"
    "  --how WAY       \"preload\": load a library into it; \"namespace\": give it a network\n"
    "                  namespace of its own, for programs that load no library; \"calls\":\n"
    "                  make its network calls for it, where namespaces are not allowed;\n"
    "                  default \"auto\": what COMMAND's file needs\n"
    "  --explain       say on standard error which way was taken, and why\n"
    "  --argv0 NAME    what COMMAND is told to be its own name\n"
    "  --help          show this text\n"
    "\n"
    "The agent is, in this order: --agent, $CULVERT_AGENT,\n"
    "$XDG_RUNTIME_DIR/culvert/agent.sock, /run/culvert/agent.sock. If none of these runs, one is\n"
    "started for this command alone, with the configuration ~/.config/culvert/agent.toml or\n"
    "/etc/culvert/agent.toml if there is one, and ends with it.\n"
    "\n"
    "Exit status: that of COMMAND; 125 if Culvert failed, 126 if COMMAND cannot be executed (or\n"
    "Culvert cannot reach it), 127 if there is no COMMAND.\n";

enum class How { kAuto, kPreload, kNamespace, kCalls };

struct Arguments {
  std::string agent, argv0;
  How how = How::kAuto;
  bool explain = false;
  std::vector<char*> command;  // ends with null, as execv() wants it
  bool private_agent = false;
  bool help = false;
};

Result<How> parse_how(std::string_view text) {
  if (text == "auto") return How::kAuto;
  if (text == "preload") return How::kPreload;
  if (text == "namespace") return How::kNamespace;
  if (text == "calls") return How::kCalls;
  return fail(ErrorCode::kBadInput,
              "--how must be auto, preload, namespace or calls, not '" + std::string(text) + "'");
}

// "--name VALUE" or "--name=VALUE": the value, and `at` on its last word.
std::optional<std::string> value_of(std::string_view name, std::span<char* const> given,
                                    std::size_t& at) {
  const std::string_view word = given[at];
  if (!word.starts_with(name)) return std::nullopt;
  const auto rest = word.substr(name.size());
  if (rest.starts_with('=')) return std::string(rest.substr(1));
  if (!rest.empty() || at + 1 >= given.size()) return std::nullopt;
  return std::string(given[++at]);
}

Result<void> take_option(std::span<char* const> given, std::size_t& at, Arguments& into) {
  const std::string_view word = given[at];
  if (word == "--explain") {
    into.explain = true;
  } else if (word == "--private") {
    into.private_agent = true;
  } else if (const auto agent = value_of("--agent", given, at)) {
    into.agent = *agent;
  } else if (const auto name = value_of("--argv0", given, at)) {
    into.argv0 = *name;
  } else if (const auto how = value_of("--how", given, at)) {
    const auto parsed = parse_how(*how);
    if (!parsed) return fail(parsed.error());
    into.how = *parsed;
  } else {
    return fail(ErrorCode::kBadInput, "'" + std::string(word) +
                                          "' is not an option, or lacks "
                                          "its value: see culvert run --help");
  }
  return {};
}

Result<Arguments> parse_arguments(std::span<char* const> given) {
  Arguments arguments;
  std::size_t at = 0;
  for (; at < given.size(); ++at) {
    const std::string_view word = given[at];
    if (word == "--") {
      ++at;
      break;
    }
    if (!word.starts_with('-')) break;
    if (word == "--help" || word == "-h") {
      arguments.help = true;
      return arguments;
    }
    CULVERT_RETURN_IF_ERROR(take_option(given, at, arguments));
  }
  for (; at < given.size(); ++at) arguments.command.push_back(given[at]);
  if (arguments.private_agent && !arguments.agent.empty())
    return fail(ErrorCode::kBadInput,
                "--private starts an agent and --agent names one: give one of them");
  if (arguments.command.empty())
    return fail(ErrorCode::kBadInput, "there is no command to run: see culvert run --help");
  arguments.command.push_back(nullptr);
  return arguments;
}

Result<AgentFacts> start_own_agent() {
  const auto socket =
      start_private_agent(own_directory() + "/culvert-agent", /*configuration=*/"", kReadyWithin);
  if (!socket) return fail(socket.error());
  return ask_agent(*socket, kAnswerWithin);
}

Result<AgentFacts> find_agent(const Arguments& arguments) {
  if (arguments.private_agent) return start_own_agent();
  const bool chosen = !arguments.agent.empty() || std::getenv("CULVERT_AGENT") != nullptr;
  for (const auto& socket : agent_sockets(arguments.agent)) {
    auto facts = ask_agent(socket, kAnswerWithin);
    if (facts || chosen) return facts;
  }
  return start_own_agent();
}

Result<std::string> find_shim() {
  auto path = companion_file("libculvert-shim.so");
  if (access(path.c_str(), R_OK) != 0)
    return fail(ErrorCode::kIo, "there is no libculvert-shim.so in '" + own_directory() +
                                    "' nor in its ../lib/culvert: install Culvert completely");
  if (path.find_first_of(" :") != std::string::npos)
    return fail(ErrorCode::kBadInput, "'" + path +
                                          "' has a space or a colon in its path, which "
                                          "LD_PRELOAD cannot name: install Culvert elsewhere");
  return path;
}

// The address sanitizer's runtime ends programs whose environment preloads anything before it; that
// its own functions come behind ours does no harm.
void allow_late_sanitizer() {
  const char* before = std::getenv("ASAN_OPTIONS");
  const std::string options = before != nullptr && *before != '\0' ? before + std::string(":") : "";
  if (options.find("verify_asan_link_order") == std::string::npos)
    setenv("ASAN_OPTIONS", (options + "verify_asan_link_order=0").c_str(), 1);
}

void set_environment(const AgentFacts& agent, const std::string& shim) {
  const char* before = std::getenv("LD_PRELOAD");
  std::string preload = shim;
  if (before != nullptr && *before != '\0') {
    const bool there =
        (":" + std::string(before) + ":").find(":" + shim + ":") != std::string::npos;
    preload = there ? before : shim + ":" + before;
  }
  setenv("LD_PRELOAD", preload.c_str(), 1);
  setenv("CULVERT_AGENT", agent.socket.c_str(), 1);
  setenv("CULVERT_POOL", agent.pool.to_string().c_str(), 1);
  setenv("CULVERT_DOMAINS", agent.domains.c_str(), 1);
  setenv("CULVERT_FORWARD", agent.forwarding.c_str(), 1);
  if (agent.own_address) setenv("CULVERT_OWN", agent.own_address->to_string().c_str(), 1);
  if (agent.name_server) setenv("CULVERT_DNS", agent.name_server->to_string().c_str(), 1);
  setenv("CULVERT_RUN", (own_directory() + "/culvert").c_str(), 1);
  if (agent.publishes_all) setenv("CULVERT_PUBLISH", "always", 1);
  allow_late_sanitizer();
  // Also where the agent may bind low ports: a server of this machine on 0.0.0.0:22 keeps it from
  // holding any virtual address's port 22, and that hold is then at the mapped port.
  setenv("CULVERT_LOW_PORTS", "mapped", 1);
}

int complain(int status, std::string_view what) {
  const std::string text = "culvert run: " + std::string(what) + "\n";
  std::fputs(text.c_str(), stderr);
  return status;
}

// Returns only if it failed. A file without "#!" is a shell script, as for execvp(3).
int execute(const std::string& program, std::vector<char*>& command) {
  execv(program.c_str(), command.data());
  if (errno == ENOEXEC) {
    std::string shell = "/bin/sh", script = program;
    std::vector<char*> words{shell.data(), script.data()};
    words.insert(words.end(), command.begin() + 1, command.end());
    execv(shell.c_str(), words.data());
  }
  const int error = errno;
  return complain(error == ENOENT ? kNoCommand : kCannotExecute,
                  "cannot execute '" + program + "': " + std::strerror(error));
}

constexpr std::string_view kShim = "libculvert-shim.so";

// Whether the shim is loaded into ourselves and active: a program that it is in has started us.
bool is_carried() {
  const char* preload = std::getenv("LD_PRELOAD");
  const char* agent = std::getenv("CULVERT_AGENT");
  return preload != nullptr && std::string_view(preload).find(kShim) != std::string_view::npos &&
         agent != nullptr && *agent != '\0';
}

// The porter makes its connects itself: it must not have the shim in it. Returns if it failed.
int start_again_uncarried(std::span<char* const> given) {
  std::string agent = "--agent=" + std::string(std::getenv("CULVERT_AGENT"));
  std::string program = "culvert", verb = "run";
  std::vector<char*> words{program.data(), verb.data(), agent.data()};
  words.insert(words.end(), given.begin(), given.end());
  words.push_back(nullptr);
  setenv("CULVERT_AGENT", "", 1);  // declines the shim, here and in exec
  execv("/proc/self/exe", words.data());
  return complain(kCulvertFailed,
                  "cannot start itself again: " + std::string(std::strerror(errno)));
}

void clear_environment() {
  if (const char* preload = std::getenv("LD_PRELOAD")) {
    std::string kept;
    for (std::string_view rest(preload); !rest.empty();) {
      const auto entry = rest.substr(0, rest.find_first_of(": "));
      if (!entry.empty() && entry.find(kShim) == std::string_view::npos)
        kept += (kept.empty() ? "" : ":") + std::string(entry);
      rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    }
    kept.empty() ? unsetenv("LD_PRELOAD") : setenv("LD_PRELOAD", kept.c_str(), 1);
  }
  for (const char* name :
       {"CULVERT_AGENT", "CULVERT_POOL", "CULVERT_DOMAINS", "CULVERT_FORWARD", "CULVERT_OWN",
        "CULVERT_DNS", "CULVERT_RUN", "CULVERT_LOW_PORTS", "CULVERT_PUBLISH"})
    unsetenv(name);
  setenv(kEnclosedVariable, "1", 1);
}

int run_supervised(const AgentFacts& agent, const std::string& program,
                   std::vector<char*>& command) {
  const auto shim = find_shim();
  if (!shim) return complain(kCulvertFailed, shim.error().detail);
  const auto entered = enter_supervision([&] {
    set_environment(agent, *shim);
    setenv("CULVERT_RAW_CALLS", "own", 1);
  });
  if (!entered) return complain(kCannotExecute, entered.error().detail + ".");
  clear_environment();
  return execute(program, command);
}

int run_enclosed(const Arguments& arguments, const Reach& reach, const std::string& program,
                 std::vector<char*>& command) {
  const auto refuse = [&](const std::string& why) {
    return complain(kCannotExecute,
                    (reach.reachable ? "" : reach.why + " It needs a network namespace: ") + why +
                        "." + (reach.reachable ? "" : reach.remedy));
  };
  const auto agent = find_agent(arguments);
  if (!agent) return complain(kCulvertFailed, agent.error().detail);
  tell_proxies(agent->socket, kAnswerWithin);
  tell_activated_sockets(agent->socket, kAnswerWithin);
  if (arguments.how == How::kCalls) return run_supervised(*agent, program, command);
  if (const auto entered = enter_enclosure(*agent); !entered) {
    const bool instead = entered.error().code == ErrorCode::kNotPermitted &&
                         arguments.how == How::kAuto && reach.supervisable;
    if (!instead) return refuse(entered.error().detail);
    complain(0, entered.error().detail +
                    ". Its network calls are made for it instead; not carried "
                    "then: " +
                    kNotSupervised + ".");
    return run_supervised(*agent, program, command);
  }
  clear_environment();
  return execute(program, command);
}

int run_preloaded(const Arguments& arguments, const std::string& program,
                  std::vector<char*>& command) {
  const auto shim = find_shim();
  if (!shim) return complain(kCulvertFailed, shim.error().detail);
  const auto agent = find_agent(arguments);
  if (!agent) return complain(kCulvertFailed, agent.error().detail);
  tell_proxies(agent->socket, kAnswerWithin);
  tell_activated_sockets(agent->socket, kAnswerWithin);
  set_environment(*agent, *shim);
  return execute(program, command);
}

void explain(bool enclosed, const Arguments& arguments, const Reach& reach) {
  const std::string why = arguments.how != How::kAuto ? "as --how says"
                          : reach.reachable           ? "it loads libraries of this system"
                                                      : reach.why;
  complain(0, (arguments.how == How::kCalls ? "by its system calls: "
               : enclosed                   ? "in a network namespace: "
                                            : "by a preloaded library: ") +
                  why);
}

std::string search_path() {
  const char* path = std::getenv("PATH");
  return path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
}

}  // namespace

int run_command(std::span<char* const> given) {
  auto arguments = parse_arguments(given);
  if (!arguments) return complain(kCulvertFailed, arguments.error().detail);
  if (arguments->help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  const auto program = find_program(arguments->command.front(), search_path());
  if (!program)
    return complain(program.error().code == ErrorCode::kNameUnknown ? kNoCommand : kCannotExecute,
                    program.error().detail);
  if (!arguments->argv0.empty()) arguments->command.front() = arguments->argv0.data();
  if (std::getenv(kEnclosedVariable) != nullptr) return execute(*program, arguments->command);
  const auto reach = check_reach(*program, search_path());
  if (!reach.reachable && !reach.enclosable)
    return complain(kCannotExecute,
                    "Culvert cannot reach this program: " + reach.why + reach.remedy);
  if (!reach.reachable && arguments->how == How::kPreload)
    return complain(kCannotExecute, "Culvert cannot reach this program by a preloaded library: " +
                                        reach.why + " Leave --how out, or say --how=namespace.");
  if (!reach.supervisable && arguments->how == How::kCalls)
    return complain(kCannotExecute, "Culvert cannot make this program's calls: " + reach.why +
                                        " Leave --how out, or say --how=namespace.");
  const bool enclosed =
      !reach.reachable || arguments->how == How::kNamespace || arguments->how == How::kCalls;
  if (enclosed && is_carried()) return start_again_uncarried(given);
  if (arguments->explain) explain(enclosed, *arguments, reach);
  if (!enclosed) return run_preloaded(*arguments, *program, arguments->command);
  return run_enclosed(*arguments, reach, *program, arguments->command);
}

}  // namespace culvert::agent
