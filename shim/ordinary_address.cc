#include "shim/ordinary_address.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "shim/name_question.h"
#include "shim/recent_table.h"

namespace culvert::shim {
namespace {

constexpr int64_t kKeepMs = 10'000;  // addresses of the pool keep their meaning for days

enum Kind : uint64_t { kNothing, kV4, kV6 };
struct Ordinary {
  Kind kind;
  uint64_t halves[2];  // as in memory; of IPv4: in the lower half of the first
};

constexpr unsigned kKindShift = 32;
RecentTable<1, 6> kinds;  // Kind, above the octets of IPv4
RecentTable<1, 6> v6_halves[2];

bool recall(uint32_t stand_in, Ordinary& ordinary) {
  uint64_t value;
  if (!kinds.find({{stand_in}}, value)) return false;
  ordinary.kind = static_cast<Kind>(value >> kKindShift);
  ordinary.halves[0] = value & UINT32_MAX;
  return ordinary.kind != kV6 || (v6_halves[0].find({{stand_in}}, ordinary.halves[0]) &&
                                  v6_halves[1].find({{stand_in}}, ordinary.halves[1]));
}

void remember(uint32_t stand_in, const Ordinary& ordinary) {
  const bool is_v6 = ordinary.kind == kV6;
  for (int half = 0; is_v6 && half < 2; ++half)
    v6_halves[half].remember({{stand_in}}, ordinary.halves[half], kKeepMs);
  kinds.remember({{stand_in}}, ordinary.kind << kKindShift | (is_v6 ? 0 : ordinary.halves[0]),
                 kKeepMs);
}

// The agent says it as text.
bool ask(uint32_t stand_in, Ordinary& ordinary) {
  HostAddress asked = {AF_INET, {}};
  const uint32_t octets = htonl(stand_in);
  memcpy(asked.octets, &octets, sizeof octets);
  const NameAnswer answer = ask_for_address(asked);
  if (answer.status != NSS_STATUS_SUCCESS) return false;
  ordinary = {};
  if (inet_pton(AF_INET, answer.name, ordinary.halves) == 1)
    ordinary.kind = kV4;
  else if (inet_pton(AF_INET6, answer.name, ordinary.halves) == 1)
    ordinary.kind = kV6;
  return true;
}

}  // namespace

void show_ordinary_address(sockaddr* address, const VirtualPeer& peer) {
  const uint32_t stand_in = peer.ip();
  Ordinary ordinary;
  if (!recall(stand_in, ordinary)) {
    if (!ask(stand_in, ordinary)) return;
    remember(stand_in, ordinary);
  }
  const bool is_v4_socket = peer.family() == AF_INET;
  auto* const octets = reinterpret_cast<char*>(address);
  if (ordinary.kind == kV4)  // on an IPv6 socket: ::ffff:a.b.c.d
    memcpy(octets + (is_v4_socket ? offsetof(sockaddr_in, sin_addr)
                                  : offsetof(sockaddr_in6, sin6_addr) + 12),
           ordinary.halves, 4);
  else if (ordinary.kind == kV6 && !is_v4_socket)
    memcpy(octets + offsetof(sockaddr_in6, sin6_addr), ordinary.halves, 16);
}

}  // namespace culvert::shim
