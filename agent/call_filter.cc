#include "agent/call_filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

namespace culvert::agent {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kArchitecture = 0;  // filters nothing
#endif
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "which half of an argument comes first");

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV  // Linux 5.19
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

sock_filter load(std::size_t offset) {
  return {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)};
}
sock_filter unless_equal(std::uint32_t value, std::uint8_t skip) {
  return {BPF_JMP | BPF_JEQ | BPF_K, 0, skip, value};
}
sock_filter give(std::uint32_t action) { return {BPF_RET | BPF_K, 0, 0, action}; }

std::vector<sock_filter> program_for(std::span<const ChosenCall> calls) {
  std::vector<sock_filter> code{load(offsetof(seccomp_data, arch)),
                                unless_equal(kArchitecture, 1),
                                {BPF_JMP | BPF_JA, 0, 0, 1},
                                give(SECCOMP_RET_ALLOW),
                                load(offsetof(seccomp_data, nr))};
  for (const auto& call : calls) {
    const auto number = static_cast<std::uint32_t>(call.number);
    const auto at = [](int argument) {
      return offsetof(seccomp_data, args) + 8u * static_cast<unsigned>(argument);
    };
    if (call.refused_with != 0) {
      const auto error = static_cast<std::uint32_t>(call.refused_with) & SECCOMP_RET_DATA;
      code.insert(code.end(), {unless_equal(number, 1), give(SECCOMP_RET_ERRNO | error)});
    } else if (call.unless_null >= 0) {
      code.insert(code.end(),
                  {unless_equal(number, 6), load(at(call.unless_null)), unless_equal(0, 3),
                   load(at(call.unless_null) + 4), unless_equal(0, 1), give(SECCOMP_RET_ALLOW),
                   give(SECCOMP_RET_USER_NOTIF)});
    } else if (call.argument >= 0) {
      code.insert(code.end(),
                  {unless_equal(number, 4), load(at(call.argument)), unless_equal(call.value, 1),
                   give(SECCOMP_RET_USER_NOTIF), give(SECCOMP_RET_ALLOW)});
    } else {
      code.insert(code.end(), {unless_equal(number, 1), give(SECCOMP_RET_USER_NOTIF)});
    }
  }
  code.push_back(give(SECCOMP_RET_ALLOW));
  return code;
}

}  // namespace

Result<UniqueFd> install_call_filter(std::span<const ChosenCall> calls, InterruptedBy signals) {
  auto code = program_for(calls);
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  const auto killing =
      signals == InterruptedBy::kKilling ? SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV : 0ul;
  for (const auto flags : {killing, 0ul}) {
    UniqueFd fd(static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                           SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, &program)));
    if (fd) return fd;
    if (errno != EINVAL) break;
  }
  const int error = errno;
  return fail(
      ErrorCode::kNotPermitted,
      "this system does not let you watch system calls (seccomp: " +
          std::string(error == EBUSY ? "somebody else watches already" : std::strerror(error)) +
          ")");
}

}  // namespace culvert::agent
