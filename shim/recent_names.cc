#include "shim/recent_names.h"

#include <string.h>

#include "shim/recent_table.h"
#include "shim/wire.h"

namespace culvert::shim {
namespace {

constexpr int64_t kKeepMs = 250;
constexpr size_t kWords = (CULVERT_NAME_MAX + 2) / sizeof(uint64_t);
static_assert(kWords * sizeof(uint64_t) == CULVERT_NAME_MAX + 2);

RecentTable<kWords> names;

RecentTable<kWords>::Key padded(const char* name) {
  RecentTable<kWords>::Key key;
  memset(key.words, 0, sizeof key.words);
  memcpy(key.words, name, strnlen(name, sizeof key.words - 1));
  return key;
}

}  // namespace

bool find_recent_name(const char* name, uint8_t (&ip)[4]) {
  uint64_t value;
  if (!names.find(padded(name), value)) return false;
  const auto address = static_cast<uint32_t>(value);
  memcpy(ip, &address, sizeof ip);
  return true;
}

void remember_name(const char* name, const uint8_t* ip) {
  uint32_t address;
  memcpy(&address, ip, sizeof address);
  names.remember(padded(name), address, kKeepMs);
}

}  // namespace culvert::shim
