#include "agent/companion.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "agent/passed_descriptor.h"

namespace culvert::agent {

Result<UniqueFd> start_companion(const std::function<void(UniqueFd command)>& run) {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(ErrorCode::kIo, "cannot make a socket: " + std::string(std::strerror(errno)));
  UniqueFd ours(ends[0]), its(ends[1]);
  const auto child = ::fork();
  if (child == 0) {  // twice: the command must not find a child that it never started
    if (::fork() == 0) {
      ours.reset();
      run(std::move(its));
    }
    ::_exit(0);
  }
  if (child < 0)
    return fail(ErrorCode::kIo, "cannot start a process: " + std::string(std::strerror(errno)));
  ::waitpid(child, nullptr, 0);
  return ours;
}

// Nothing of the program's is to be kept open, waited for or hung up by us.
void leave_everything(const UniqueFd& but, const char* name) {
  ::setsid();
  ::prctl(PR_SET_NAME, name);
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTSTP}) ::signal(signal, SIG_IGN);
  (void)::chdir("/");
  const UniqueFd nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int standard : {0, 1, 2}) ::dup2(nowhere.get(), standard);
  const auto kept = static_cast<unsigned>(but.get());
  if (kept > 3) ::close_range(3, kept - 1, 0);
  ::close_range(kept + 1, ~0u, 0);
}

namespace {

bool say_ready(const UniqueFd& companion, const UniqueFd& passed) {
  return send_passing(companion.get(), as_bytes("ready"), passed ? passed.get() : -1);
}

Result<void> hear_carrying(const UniqueFd& companion, bool said) {
  std::string answer(4096, '\0');
  if (said) {
    const auto size = ::recv(companion.get(), answer.data(), answer.size(), 0);
    answer.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    if (answer == kCarrying) return {};
  }
  return fail(ErrorCode::kIo, "the process that carries for it did not start: " +
                                  (answer.empty() ? "it ended at once" : answer));
}

}  // namespace

Result<void> let_companion_start(const UniqueFd& companion, const UniqueFd& passed) {
  return hear_carrying(companion, say_ready(companion, passed));
}

Result<void> let_companion_fetch(const UniqueFd& companion, const UniqueFd& fetched) {
  const auto ready = std::to_string(fetched.get());
  return hear_carrying(companion, ::write(companion.get(), ready.data(), ready.size()) > 0);
}

bool hear_ready(const UniqueFd& command, UniqueFd& passed) {
  std::array<std::byte, 16> ready;
  return receive_passed(command.get(), ready, 0, passed) > 0;
}

bool hear_ready(const UniqueFd& command, pid_t program, UniqueFd& fetched) {
  std::array<char, 16> number{};
  if (::read(command.get(), number.data(), number.size() - 1) <= 0) return false;
  const UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, program, 0)));
  if (handle)
    fetched.reset(
        static_cast<int>(::syscall(SYS_pidfd_getfd, handle.get(), std::atoi(number.data()), 0)));
  return true;
}

}  // namespace culvert::agent
