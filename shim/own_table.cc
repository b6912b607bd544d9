#include "shim/own_table.h"

#include <linux/futex.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/keep_errno.h"

namespace culvert::shim {
namespace {

// Not CLONE_FILES: the table is a copy. Not CLONE_VFORK: a stop signal in that moment would stop
// the thread alone, and its caller never.
constexpr int kThread = CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                        CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
constexpr size_t kStackSize = 64 * 1024;

struct Task {
  int kept;
  void (*work)(void*);
  void* argument;
};

void close_from_to(unsigned first, unsigned last) {
  if (first <= last) syscall(SYS_close_range, first, last, 0u);
}

// A copy keeps open what the program closes: so at once, and the rest before the program goes on.
// Without close_range() (Linux 5.9) there is at least room for one.
void close_copies_but(int kept) {
  const auto number = static_cast<unsigned>(kept);
  if (kept > 0) close_from_to(0, number - 1);
  close_from_to(kept < 0 ? 0 : number + 1, ~0u);
  syscall(SYS_close, kept == 0 ? 1 : 0);
}

// errno, as all that is the thread's in libc, is that of the caller, who waits.
int run(void* that) {
  const auto& task = *static_cast<Task*>(that);
  close_copies_but(task.kept);
  task.work(task.argument);
  close_from_to(0, ~0u);
  syscall(SYS_exit, 0);
  return 0;
}

class WithoutSignals {
 public:
  WithoutSignals() {
    constexpr uint64_t kAll = ~uint64_t{0};
    syscall(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, &kAll, &before_, sizeof kAll);
  }
  WithoutSignals(const WithoutSignals&) = delete;
  WithoutSignals& operator=(const WithoutSignals&) = delete;
  ~WithoutSignals() {
    syscall(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &before_, nullptr, sizeof before_);
  }

 private:
  uint64_t before_ = 0;
};

void wait_until_zero(const int& thread) {
  for (int now; (now = __atomic_load_n(&thread, __ATOMIC_ACQUIRE)) != 0;)
    syscall(SYS_futex, &thread, FUTEX_WAIT, now, nullptr, nullptr, 0);
}

}  // namespace

bool with_own_table(int kept, void (*work)(void*), void* argument) {
  const KeepErrno keep;
  // The caller's stack may be the small one of a signal handler.
  void* const stack = mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return false;
  Task task = {kept, work, argument};
  int thread = 0;
  bool made;
  {
    const WithoutSignals scope;
    made = clone(run, static_cast<char*>(stack) + kStackSize, kThread, &task, &thread, nullptr,
                 &thread) >= 0;
    if (made) wait_until_zero(thread);
  }
  munmap(stack, kStackSize);
  return made;
}

}  // namespace culvert::shim
