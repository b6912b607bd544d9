#include "shim/program_memory.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/keep_errno.h"

namespace culvert::shim {
namespace {

// The kernel copies the set (8 octets) in before it refuses `how`, so EFAULT or EINVAL says
// whether they are readable, and nothing changes. Unlike process_vm_readv() no sandbox forbids it.
bool are_eight_readable(const char* pointer) {
  constexpr int kNoSuchHow = -1;
  constexpr size_t kSetSize = 8;
  return syscall(SYS_rt_sigprocmask, kNoSuchHow, pointer, nullptr, kSetSize) == -1 &&
         errno != EFAULT;
}

}  // namespace

bool is_readable(const void* pointer, size_t size) {
  if (pointer == nullptr) return false;
  const KeepErrno keep;
  const char* first = static_cast<const char*>(pointer);
  const char* last = first + size - 1;
  constexpr uintptr_t kSmallestPage = 4096;
  const bool one_page = reinterpret_cast<uintptr_t>(first) / kSmallestPage ==
                        reinterpret_cast<uintptr_t>(last) / kSmallestPage;
  return are_eight_readable(first) && (one_page || are_eight_readable(last - 7));
}

// The 8 octets around the program's 4 are on the same page.
bool read_offered(const socklen_t* length, socklen_t& offered) {
  const auto around = reinterpret_cast<uintptr_t>(length) & ~uintptr_t{7};
  if (!is_readable(reinterpret_cast<const void*>(around), 8)) return false;
  memcpy(&offered, length, sizeof offered);
  return true;
}

}  // namespace culvert::shim
