// shim/hook_dlopen.cc: what is opened with RTLD_DEEPBIND is put behind us afterwards. All else is
// passed on by a jump, so that the loader sees who called (deep_binding.h).
#include <dlfcn.h>

#include "shim/deep_binding.h"
#include "shim/export.h"
#include "shim/real.h"
#include "shim/settings.h"

namespace culvert::shim {
namespace {

bool goes_around_us(const char* file, int mode, const void* caller) {
  return (mode & RTLD_DEEPBIND) != 0 && file != nullptr && settings.active &&
         !caller_decides_what_opens(file, caller);
}

}  // namespace
}  // namespace culvert::shim

CULVERT_INTERPOSE void* dlopen(const char* file, int mode) noexcept {
  using namespace culvert::shim;
  if (real.dlopen == nullptr) find_real_functions();
  if (!goes_around_us(file, mode, __builtin_return_address(0))) return real.dlopen(file, mode);
  void* const handle = real.dlopen(file, mode);
  if (handle != nullptr) stand_in_front_of_libc_in(handle);
  return handle;
}
