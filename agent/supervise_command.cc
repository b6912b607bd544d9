#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "agent/call_crew.h"
#include "agent/companion.h"
#include "agent/descriptor_limit.h"
#include "agent/supervised_calls.h"
#include "agent/supervision.h"

namespace culvert::agent {
namespace {

constexpr std::chrono::seconds kAnswerWithin{5};

Result<void> check(const Result<AgentFacts>& agent, const UniqueFd& calls) {
  if (!agent) return fail(agent.error());
  if (calls) return {};
  return fail(ErrorCode::kNotPermitted,
              "this system does not let it use the program's sockets (" +
                  std::string(std::strerror(errno)) +
                  "): let the administrator allow it (sysctl kernel.yama.ptrace_scope=0, and the "
                  "seccomp profile of a container)");
}

}  // namespace

int supervise_command(std::span<char* const> arguments) {
  if (arguments.size() != 1) return 2;
  ::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  const char* socket = std::getenv("CULVERT_AGENT");
  const auto agent = ask_agent(socket != nullptr ? socket : "", kAnswerWithin);
  UniqueFd command(kCommandFd), supervisor;
  if (!hear_ready(command, std::atoi(arguments[0]), supervisor)) return 1;
  const auto checked = check(agent, supervisor);
  const std::string answer = checked ? kCarrying : checked.error().detail;
  ::send(command.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  command.reset();
  if (!checked) return 1;
  SupervisedCalls calls(*agent);
  CallCrew crew(supervisor.get(), [&calls](const NotifiedCall& call, CallCrew::Turn& turn) {
    calls.carry_out(call, turn);
  });
  crew.run();
  ::_exit(0);  // threads may still wait for connects that nobody wants any more
}

}  // namespace culvert::agent
