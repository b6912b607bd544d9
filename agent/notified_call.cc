#include "agent/notified_call.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

namespace culvert::agent {
namespace {

constexpr unsigned kPidfdThread = O_EXCL;  // PIDFD_THREAD

}  // namespace

std::optional<NotifiedCall> NotifiedCall::receive(int supervisor) {
  seccomp_notif notification{};
  if (::ioctl(supervisor, SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0) return std::nullopt;
  return NotifiedCall{supervisor, notification};
}

pid_t NotifiedCall::process() const {
  std::ifstream status("/proc/" + std::to_string(notification_.pid) + "/status");
  for (std::string word; status >> word;)
    if (pid_t process = 0; word == "Tgid:" && status >> process) return process;
  return 0;
}

bool NotifiedCall::has_capability(int capability) const {
  const auto directory = "/proc/" + std::to_string(notification_.pid);
  struct stat theirs {
  }, ours{};
  if (::stat((directory + "/ns/user").c_str(), &theirs) != 0 ||
      ::stat("/proc/self/ns/user", &ours) != 0 || theirs.st_ino != ours.st_ino)
    return false;
  std::ifstream status(directory + "/status");
  for (std::string word; status >> word;)
    if (std::uint64_t set = 0; word == "CapEff:" && status >> std::hex >> set)
      return (set >> capability & 1) != 0;
  return false;
}

bool NotifiedCall::same_as(const NotifiedCall& other) const {
  return notification_.pid == other.notification_.pid &&
         std::memcmp(&notification_.data, &other.notification_.data, sizeof notification_.data) ==
             0;
}

bool NotifiedCall::answer(std::int64_t result) const {
  seccomp_notif_resp response{notification_.id, result < 0 ? 0 : result,
                              result < 0 ? static_cast<int>(result) : 0, 0};
  return ::ioctl(supervisor_, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
}

bool NotifiedCall::answer_with_descriptor(const UniqueFd& fd, bool close_on_exec) const {
  seccomp_notif_addfd added{notification_.id, SECCOMP_ADDFD_FLAG_SEND,
                            static_cast<std::uint32_t>(fd.get()), 0,
                            close_on_exec ? std::uint32_t{O_CLOEXEC} : 0};
  return ::ioctl(supervisor_, SECCOMP_IOCTL_NOTIF_ADDFD, &added) >= 0;
}

void NotifiedCall::let_run() const {
  seccomp_notif_resp response{notification_.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE};
  ::ioctl(supervisor_, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

// Asked behind whatever was looked up by the program's number: that may be another's by now.
bool NotifiedCall::waits() const {
  return ::ioctl(supervisor_, SECCOMP_IOCTL_NOTIF_ID_VALID, &notification_.id) == 0;
}

// Of the very thread that calls, or before Linux 6.9 of its process.
UniqueFd NotifiedCall::handle() const {
  UniqueFd of_thread(static_cast<int>(::syscall(SYS_pidfd_open, notification_.pid, kPidfdThread)));
  if (of_thread || errno != EINVAL) return of_thread;
  const auto number = process();
  return UniqueFd(number == 0 ? -1 : static_cast<int>(::syscall(SYS_pidfd_open, number, 0)));
}

UniqueFd NotifiedCall::descriptor() const {
  const auto handle = this->handle();
  if (!handle || !waits()) return {};
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_getfd, handle.get(), int_argument(0), 0)));
}

bool NotifiedCall::read(std::uint64_t from, void* to, std::size_t size) const {
  const iovec local{to, size}, remote{reinterpret_cast<void*>(from), size};  // NOLINT
  return ::process_vm_readv(static_cast<pid_t>(notification_.pid), &local, 1, &remote, 1, 0) ==
             static_cast<ssize_t>(size) &&
         waits();
}

bool NotifiedCall::write(std::uint64_t to, const void* from, std::size_t size) const {
  const iovec local{const_cast<void*>(from), size};       // NOLINT: it is only read
  const iovec remote{reinterpret_cast<void*>(to), size};  // NOLINT
  return waits() && ::process_vm_writev(static_cast<pid_t>(notification_.pid), &local, 1, &remote,
                                        1, 0) == static_cast<ssize_t>(size);
}

}  // namespace culvert::agent
