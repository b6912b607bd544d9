// shim/hook_dlsym.cc: functions that a program takes from libc's own handle, or from one of a
// library that found them in libc: ctypes, JNA, P/Invoke; by version too. All else is passed on by
// a jump, so that the loader sees who called: RTLD_NEXT depends on it.
#include <dlfcn.h>

#include "shim/export.h"
#include "shim/own_symbols.h"
#include "shim/real.h"
#include "shim/settings.h"

namespace culvert::shim {
namespace {

// Another library that stands in front of libc under that name, and asks for what is behind it:
// given ours it would call itself for ever (cwrap's socket_wrapper asks in this way).
bool defines_it_too(const void* caller, const char* name) {
  Dl_info found;
  void* object = nullptr;
  if (dladdr1(caller, &found, &object, RTLD_DL_LINKMAP) == 0 || object == nullptr) return true;
  const auto* const map = static_cast<const link_map*>(object);
  return find_symbol(read_image(map->l_addr, map->l_ld), name) != nullptr;
}

// What `caller` gets for `found`, which is libc's or another library's function of that name.
void* in_front_of(void* found, const char* name, const void* caller) {
  const void* const ours = own_function(name);
  if (ours == nullptr || found == ours || start_of_object(found) != start_of_libc() ||
      defines_it_too(caller, name))
    return found;
  return const_cast<void*>(ours);
}

}  // namespace
}  // namespace culvert::shim

CULVERT_INTERPOSE void* dlsym(void* handle, const char* name) noexcept {
  using namespace culvert::shim;
  if (real.dlsym == nullptr) find_real_dlsym();
  if (handle == RTLD_NEXT || handle == RTLD_DEFAULT || !settings.active)
    return real.dlsym(handle, name);
  void* const found = real.dlsym(handle, name);
  return found == nullptr ? nullptr : in_front_of(found, name, __builtin_return_address(0));
}

// Ours have no version, which the loader takes for another one, and passes over: so not even
// RTLD_DEFAULT finds them. A version of libc's that is not the one in use is not exchanged.
CULVERT_INTERPOSE void* dlvsym(void* handle, const char* name, const char* version) noexcept {
  using namespace culvert::shim;
  if (real.dlsym == nullptr) find_real_dlsym();
  if (handle == RTLD_NEXT || !settings.active) return real.dlvsym(handle, name, version);
  void* const found = real.dlvsym(handle, name, version);
  if (found == nullptr || own_function(name) == nullptr) return found;
  if (found != real.dlsym(RTLD_NEXT, name)) return found;
  return in_front_of(found, name, __builtin_return_address(0));
}
