#include "agent/run_command.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "agent/agent_client.h"
#include "agent/elf_check.h"
#include "agent/private_agent.h"
#include "agent/program_path.h"

namespace culvert::agent {
namespace {

constexpr int kCulvertFailed = 125;  // the numbers of env(1)
constexpr int kCannotExecute = 126;
constexpr int kNoCommand = 127;
constexpr std::chrono::seconds kAnswerWithin{5};
constexpr std::chrono::seconds kReadyWithin{20};

constexpr const char* kUsage =
    "usage: culvert run [--agent SOCKET] [--] COMMAND [ARGUMENT...]\n"
    "\n"
    "Runs COMMAND so that it reaches virtual host names; everything else about it stays as it\n"
    "is: its exit status, signals and terminal are its own.\n"
    "\n"
    "  --agent SOCKET  use the agent that answers there, and no other\n"
    "  --help          show this text\n"
    "\n"
    "The agent is, in this order: --agent, $CULVERT_AGENT,\n"
    "$XDG_RUNTIME_DIR/culvert/agent.sock, /run/culvert/agent.sock. If none of these runs, one is\n"
    "started for this command alone, with the configuration ~/.config/culvert/agent.toml or\n"
    "/etc/culvert/agent.toml if there is one, and ends with it.\n"
    "\n"
    "Exit status: that of COMMAND; 125 if Culvert failed, 126 if COMMAND cannot be executed (or\n"
    "Culvert cannot reach it), 127 if there is no COMMAND.\n";

struct Arguments {
  std::string agent;
  std::vector<char*> command;  // ends with null, as execv() wants it
  bool help = false;
};

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
    if (word.starts_with("--agent=")) {
      arguments.agent = word.substr(8);
    } else if (word == "--agent" && at + 1 < given.size()) {
      arguments.agent = given[++at];
    } else {
      return fail(ErrorCode::kBadInput, "'" + std::string(word) +
                                            "' is not an option, or lacks "
                                            "its value: see culvert run --help");
    }
  }
  for (; at < given.size(); ++at) arguments.command.push_back(given[at]);
  if (arguments.command.empty())
    return fail(ErrorCode::kBadInput, "there is no command to run: see culvert run --help");
  arguments.command.push_back(nullptr);
  return arguments;
}

Result<AgentFacts> find_agent(const std::string& given) {
  const auto sockets = agent_sockets(given);
  const bool chosen = !given.empty() || std::getenv("CULVERT_AGENT") != nullptr;
  for (const auto& socket : sockets) {
    auto facts = ask_agent(socket, kAnswerWithin);
    if (facts || chosen) return facts;
  }
  const auto socket =
      start_private_agent(own_directory() + "/culvert-agent", /*configuration=*/"", kReadyWithin);
  if (!socket) return fail(socket.error());
  return ask_agent(*socket, kAnswerWithin);
}

Result<std::string> find_shim() {
  const auto directory = own_directory();
  for (const auto& path :
       {directory + "/libculvert-shim.so", directory + "/../lib/culvert/libculvert-shim.so"}) {
    if (access(path.c_str(), R_OK) != 0) continue;
    if (path.find_first_of(" :") != std::string::npos)
      return fail(ErrorCode::kBadInput, "'" + path +
                                            "' has a space or a colon in its path, which "
                                            "LD_PRELOAD cannot name: install Culvert elsewhere");
    return path;
  }
  return fail(ErrorCode::kIo, "there is no libculvert-shim.so in '" + directory +
                                  "' nor in its ../lib/culvert: install Culvert completely");
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
  if (agent.name_server) setenv("CULVERT_DNS", agent.name_server->to_string().c_str(), 1);
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
  const auto reach = check_reach(*program, search_path());
  if (!reach.reachable)
    return complain(kCannotExecute, "Culvert cannot reach this program: " + reach.why);
  if (!reach.why.empty()) complain(0, reach.why);
  const auto shim = find_shim();
  if (!shim) return complain(kCulvertFailed, shim.error().detail);
  const auto agent = find_agent(arguments->agent);
  if (!agent) return complain(kCulvertFailed, agent.error().detail);
  set_environment(*agent, *shim);
  return execute(*program, arguments->command);
}

}  // namespace culvert::agent
