#include "shim/domain_suffix.h"

#include <string.h>

namespace culvert::shim {
namespace {

size_t length_without_final_dot(const char* name) {
  const size_t length = strlen(name);
  return length > 0 && name[length - 1] == '.' ? length - 1 : length;
}

}  // namespace

bool is_below_any(const char* name, const char* suffixes) {
  const size_t length = length_without_final_dot(name);
  for (const char* suffix = suffixes;;) {
    suffix += strspn(suffix, " .");
    const size_t size = strcspn(suffix, " ");
    if (size == 0) return false;
    const bool fits = length == size || (length > size && name[length - size - 1] == '.');
    if (fits && strncasecmp(name + length - size, suffix, size) == 0) return true;
    suffix += size;
  }
}

}  // namespace culvert::shim
