#include "shim/forwarded.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

namespace culvert::shim {
namespace {

constexpr size_t kMost = 80;

struct V4 {
  uint32_t address, mask;  // host order
  bool forwarded;
};
struct V6 {
  uint64_t address[2], mask[2];  // as in memory
  bool forwarded;
};

constinit V4 v4_prefixes[kMost] = {};
constinit V6 v6_prefixes[kMost] = {};
constinit size_t v4_count = 0, v6_count = 0;

void add_v4(const in_addr& address, unsigned bits, bool forwarded) {
  if (bits > 32 || v4_count == kMost) return;
  const uint32_t mask = bits == 0 ? 0 : ~uint32_t{0} << (32 - bits);
  v4_prefixes[v4_count++] = {ntohl(address.s_addr) & mask, mask, forwarded};
}

void add_v6(const in6_addr& address, unsigned bits, bool forwarded) {
  if (bits > 128 || v6_count == kMost) return;
  V6& prefix = v6_prefixes[v6_count++];
  uint8_t mask[16];
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned left = bits > 8 * i ? bits - 8 * i : 0;
    mask[i] = left >= 8 ? 0xff : static_cast<uint8_t>(0xff00 >> left);
  }
  memcpy(prefix.mask, mask, sizeof mask);
  memcpy(prefix.address, &address, sizeof address);
  for (int half = 0; half < 2; ++half) prefix.address[half] &= prefix.mask[half];
  prefix.forwarded = forwarded;
}

void add(const char* text, size_t length) {
  const bool forwarded = *text != '!';
  if (!forwarded) ++text, --length;
  const void* slash = memchr(text, '/', length);
  char address[INET6_ADDRSTRLEN] = "";
  if (slash == nullptr) return;
  const size_t size = static_cast<size_t>(static_cast<const char*>(slash) - text);
  if (size >= sizeof address) return;
  memcpy(address, text, size);
  const unsigned long bits = strtoul(text + size + 1, nullptr, 10);
  in_addr v4;
  in6_addr v6;
  if (bits > 128) return;
  if (inet_pton(AF_INET, address, &v4) == 1)
    add_v4(v4, static_cast<unsigned>(bits), forwarded);
  else if (inet_pton(AF_INET6, address, &v6) == 1)
    add_v6(v6, static_cast<unsigned>(bits), forwarded);
}

}  // namespace

void read_forwarded(const char* prefixes) {
  v4_count = v6_count = 0;
  for (;;) {
    prefixes += strspn(prefixes, " ");
    const size_t length = strcspn(prefixes, " ");
    if (length == 0) return;
    add(prefixes, length);
    prefixes += length;
  }
}

bool any_forwarded() { return v4_count + v6_count != 0; }

bool is_forwarded_v4(uint32_t address) {
  if (v4_count == 0) return false;
  const uint32_t top = address >> 24;
  if (top == 0 || top == 127 || top >= 224 || address >> 16 == 0xa9fe) return false;
  for (size_t i = 0; i < v4_count; ++i)
    if ((address & v4_prefixes[i].mask) == v4_prefixes[i].address) return v4_prefixes[i].forwarded;
  return false;
}

bool is_forwarded_v6(const uint8_t (&octets)[16]) {
  if (v6_count == 0) return false;
  uint64_t halves[2];
  memcpy(halves, octets, sizeof halves);
  const bool nobody = halves[0] == 0;  // ::, ::1, and what has an IPv4 address in it
  const bool link_local = octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
  if (nobody || link_local || octets[0] == 0xff) return false;
  for (size_t i = 0; i < v6_count; ++i) {
    const V6& prefix = v6_prefixes[i];
    if ((halves[0] & prefix.mask[0]) == prefix.address[0] &&
        (halves[1] & prefix.mask[1]) == prefix.address[1])
      return prefix.forwarded;
  }
  return false;
}

}  // namespace culvert::shim
