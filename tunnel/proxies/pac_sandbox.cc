#include "tunnel/proxies/pac_sandbox.h"

#include <grp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace culvert::proxies {
namespace {

constexpr uid_t kNobody = 65534;
constexpr rlim_t kMemory = 64u << 20;  // besides what is mapped already

// What malloc(), Date() and the conversation on descriptors 0 and 1 need.
constexpr int kPermitted[] = {
    SCMP_SYS(read),        SCMP_SYS(write),        SCMP_SYS(brk),
    SCMP_SYS(mmap),        SCMP_SYS(munmap),       SCMP_SYS(mremap),
    SCMP_SYS(madvise),     SCMP_SYS(futex),        SCMP_SYS(exit),
    SCMP_SYS(exit_group),  SCMP_SYS(rt_sigreturn), SCMP_SYS(clock_gettime),
    SCMP_SYS(time),        SCMP_SYS(gettimeofday), SCMP_SYS(restart_syscall),
    SCMP_SYS(close),
    SCMP_SYS(sigaltstack),  // AddressSanitizer, before every longjmp()
};

bool limit(__rlimit_resource what, rlim_t most) {
  const rlimit both{most, most};
  return setrlimit(what, &both) == 0;
}

rlim_t mapped_now() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  unsigned long pages = 0;
  if (file == nullptr) return 0;
  if (std::fscanf(file, "%lu", &pages) != 1) pages = 0;
  std::fclose(file);
  return pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
}

bool limit_memory() {
#if defined(__SANITIZE_ADDRESS__)
  return true;  // its shadow is larger than any limit; the engine's own limit remains
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  return true;
#endif
#endif
  const auto now = mapped_now();
  return now != 0 && limit(RLIMIT_AS, now + kMemory);
}

Result<void> failed(const char* what, int error) {
  return fail(ErrorCode::kIo, std::string("the PAC script's sandbox cannot be shut (") + what +
                                  ": " + std::strerror(error) + "); the script is not run");
}

}  // namespace

void drop_privileges() {
  close_range(3, ~0u, 0);
  if (geteuid() != 0) return;
  // In a user namespace without a "nobody" this fails, and root is none there either.
  if (setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 &&
      setresuid(kNobody, kNobody, kNobody) == 0)
    return;
  errno = 0;
}

Result<void> shut_sandbox() {
  // localtime_r() reads the zone's file the first time; afterwards there are no files.
  tzset();
  prctl(PR_SET_DUMPABLE, 0);
  if (!limit(RLIMIT_CPU, 1) || !limit(RLIMIT_CORE, 0) || !limit_memory())
    return failed("setrlimit", errno);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("prctl", errno);
  // Refused calls fail rather than kill: the script never makes one, and a library that does so in
  // passing (a sanitizer's, above all) goes on.
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  if (filter == nullptr) return failed("seccomp", ENOMEM);
  int result = 0;
  for (const int call : kPermitted)
    if (result == 0) result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
  if (result == 0) result = seccomp_load(filter);
  seccomp_release(filter);
  return result == 0 ? Result<void>{} : failed("seccomp", -result);
}

}  // namespace culvert::proxies
