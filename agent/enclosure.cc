#include "agent/enclosure.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agent/companion.h"
#include "agent/enclosure_files.h"
#include "agent/enclosure_network.h"
#include "agent/porter.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {
namespace {

constexpr std::string_view kRemedy =
    "; let the administrator allow it (sysctl kernel.unprivileged_userns_clone, "
    "user.max_user_namespaces, and the seccomp profile of a container), or run this as root";

Result<void> write_file(const char* path, const std::string& text) {
  const UniqueFd fd(::open(path, O_WRONLY | O_CLOEXEC));
  if (fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()))
    return {};
  const int error = errno;
  return fail(from_errno(error), "cannot write " + std::string(path) + ": " + std::strerror(error));
}

constexpr const char* kLowPorts = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
// A simultaneous open does not complete a multipath socket; without them programs take TCP.
constexpr const char* kMultipath = "/proc/sys/net/mptcp/enabled";

std::string read_setting(const char* path) {
  std::array<char, 64> text;
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  const auto size = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : "";
}

// Every id stays what it is: the program sees its own user and group, as before.
Result<void> enter_user_namespace() {
  const auto uid = std::to_string(::geteuid()), gid = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER) != 0) {
    const int error = errno;
    return fail(ErrorCode::kNotPermitted, "this system does not let you make a user namespace (" +
                                              std::string(std::strerror(error)) + ")" +
                                              std::string(kRemedy));
  }
  CULVERT_RETURN_IF_ERROR(write_file("/proc/self/setgroups", "deny"));
  CULVERT_RETURN_IF_ERROR(write_file("/proc/self/uid_map", uid + " " + uid + " 1"));
  return write_file("/proc/self/gid_map", gid + " " + gid + " 1");
}

// The porter must share our user namespace, for its privileges over the network, and not our
// network: so it is made in between.
Result<UniqueFd> start_porter(const AgentFacts& agent) {
  const auto program = ::getpid();
  return start_companion([&](UniqueFd command) { run_porter(agent, program, std::move(command)); });
}

}  // namespace

Result<void> enter_enclosure(const AgentFacts& agent) {
  if (!agent.name_server)
    return fail(ErrorCode::kBadInput,
                "the agent has no name server, which programs in a namespace "
                "need: remove dns = \"off\" from its configuration");
  const EnclosureNetwork network{agent.pool, usual_own_address(), agent.own_address};
  const auto low_ports = read_setting(kLowPorts);
  const bool root = ::geteuid() == 0;
  if (!root) CULVERT_RETURN_IF_ERROR(enter_user_namespace());
  auto porter = start_porter(agent);
  if (!porter) return fail(porter.error());
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
    const int error = errno;
    return fail(ErrorCode::kNotPermitted,
                "this system does not let you make a network namespace (" +
                    std::string(std::strerror(error)) + ")" + std::string(kRemedy));
  }
  CULVERT_RETURN_IF_ERROR(set_up_enclosure_network(network));
  // A new namespace has the kernel's default. Older kernels let nobody but root set it: then so be
  // it.
  (void)write_file(kLowPorts, low_ports);
  (void)write_file(kMultipath, "0");
  CULVERT_RETURN_IF_ERROR(show_enclosure_files(agent.name_server->ip));
  UniqueFd calls;
  if (agent.publishes) {
    auto watched = EnclosedListeners::watch_calls();
    if (watched)
      calls = std::move(*watched);
    else
      std::fprintf(stderr, "culvert run: listeners of this program will not be published: %s\n",
                   watched.error().detail.c_str());
  }
  return let_companion_start(*porter, calls);
}

}  // namespace culvert::agent
