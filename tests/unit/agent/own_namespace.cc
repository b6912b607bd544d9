#include "tests/unit/agent/own_namespace.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tunnel/base/unique_fd.h"

namespace culvert::agent::testing {
namespace {

bool write_file(const char* path, const std::string& text) {
  const UniqueFd fd(::open(path, O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string failed(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

std::string enter() {
  const auto uid = std::to_string(geteuid()), gid = std::to_string(getegid());
  if (geteuid() == 0) {
    if (unshare(CLONE_NEWNET) != 0) return failed("unshare(CLONE_NEWNET)");
  } else {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return failed("unshare(CLONE_NEWUSER)");
    if (!write_file("/proc/self/setgroups", "deny") ||
        !write_file("/proc/self/uid_map", "0 " + uid + " 1") ||
        !write_file("/proc/self/gid_map", "0 " + gid + " 1"))
      return failed("uid_map");
  }
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(&request.ifr_name[0], "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0) return failed("lo up");
  return {};
}

std::uint32_t set_effective(std::uint32_t clear, std::uint32_t set) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  syscall(SYS_capget, &header, &data[0]);
  const auto before = data[0].effective;
  data[0].effective = (before & ~clear) | (set & data[0].permitted);
  syscall(SYS_capset, &header, &data[0]);
  return before;
}

}  // namespace

const std::string& enter_own_namespace() {
  static const std::string why_not = enter();
  return why_not;
}

WithoutCapability::WithoutCapability(int capability)
    : before_(set_effective(capability < 0 ? 0 : 1u << capability, 0)) {}
WithoutCapability::~WithoutCapability() { set_effective(0, before_); }

}  // namespace culvert::agent::testing
