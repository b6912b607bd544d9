#include "shim/spare_descriptor.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace culvert::shim {
namespace {

// What another thread's fork() or exec() in that moment would leave to the new process: no more
// than this. Descriptors above a limit that was lowered later are not made room for.
constexpr rlim_t kRoom = 64;
constexpr int kTries = 200;

bool raising = false;

// Two threads that raise and put back in turns would leave the limit raised. Never waits for long:
// a signal handler may have interrupted the thread that it would wait for.
bool begin_raising() {
  for (int i = 0; i < kTries; ++i) {
    if (!__atomic_test_and_set(&raising, __ATOMIC_ACQUIRE)) return true;
    syscall(SYS_sched_yield);
  }
  return false;
}

void end_raising() { __atomic_clear(&raising, __ATOMIC_RELEASE); }

int make_socket(int family, int type) {
  return static_cast<int>(syscall(SYS_socket, family, type, 0));
}

int make_beyond_limit(int family, int type) {
  rlimit before;
  if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &before) != 0) return -1;
  const rlim_t room = before.rlim_max - before.rlim_cur;
  rlimit more = before;
  more.rlim_cur += room < kRoom ? room : kRoom;
  if (room == 0 || syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &more, nullptr) != 0) return -1;
  const int fd = make_socket(family, type);
  syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &before, nullptr);
  return fd;
}

}  // namespace

int make_socket_at_limit(int family, int type) {
  const int fd = make_socket(family, type);
  if (fd >= 0 || errno != EMFILE || !begin_raising()) return fd;
  const int spare = make_beyond_limit(family, type);
  end_raising();
  if (spare < 0) errno = EMFILE;
  return spare;
}

}  // namespace culvert::shim
