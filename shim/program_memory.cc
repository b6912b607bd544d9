#include "shim/program_memory.h"

#include <errno.h>
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
  return are_eight_readable(first) && are_eight_readable(first + size - 8);
}

}  // namespace culvert::shim
