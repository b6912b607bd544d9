#include "agent/supervision.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/call_filter.h"
#include "agent/companion.h"
#include "agent/supervised_calls.h"

namespace culvert::agent {
namespace {

// The socket goes to kCommandFd, which everything else has left free.
void become_supervisor(pid_t program, const UniqueFd& command,
                       const std::function<void()>& prepare_environment) {
  leave_everything(command, "culvert-supervisor");
  if (command.get() == kCommandFd)
    ::fcntl(kCommandFd, F_SETFD, 0);
  else if (::dup2(command.get(), kCommandFd) < 0)
    ::_exit(1);
  prepare_environment();
  std::string name = "culvert", verb(kSuperviseVerb), number = std::to_string(program);
  char* const words[] = {name.data(), verb.data(), number.data(), nullptr};
  ::execv("/proc/self/exe", words);
  ::_exit(1);
}

}  // namespace

Result<void> enter_supervision(const std::function<void()>& prepare_environment) {
  const auto program = ::getpid();
  const auto supervisor = start_companion([&](UniqueFd command) {  // NOLINT: it ends with us
    become_supervisor(program, command, prepare_environment);
  });
  if (!supervisor) return fail(supervisor.error());
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return fail(ErrorCode::kNotPermitted,
                "cannot give up new privileges: " + std::string(std::strerror(errno)));
  const auto calls = install_call_filter(SupervisedCalls::chosen(), InterruptedBy::kAny);
  if (!calls) return fail(calls.error());
  return let_companion_fetch(*supervisor, *calls);
}

}  // namespace culvert::agent
