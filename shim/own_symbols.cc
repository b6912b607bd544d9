#include "shim/own_symbols.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>

#include "shim/real.h"

// Where this library begins; the linker says so, as it does of _DYNAMIC.
extern "C" __attribute__((visibility("hidden"))) const ElfW(Ehdr) __ehdr_start;  // NOLINT

namespace culvert::shim {

const void* start_of_object(const void* address) {
  Dl_info found;
  return dladdr(address, &found) != 0 ? found.dli_fbase : nullptr;
}

const void* start_of_libc() {
  return start_of_object(reinterpret_cast<const void*>(gnu_get_libc_version));
}

ElfImage own_image() { return read_image(reinterpret_cast<ElfW(Addr)>(&__ehdr_start), _DYNAMIC); }

const void* own_function(const char* name) {
  const ElfImage image = own_image();
  const auto* const symbol = find_symbol(image, name);
  if (symbol == nullptr) return nullptr;
  const void* const ours = reinterpret_cast<const void*>(image.base + symbol->st_value);
  return real.dlsym(RTLD_DEFAULT, name) == ours ? ours : nullptr;
}

}  // namespace culvert::shim
