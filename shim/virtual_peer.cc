#include "shim/virtual_peer.h"

#include <string.h>

#include "shim/agent_link.h"
#include "shim/forwarded.h"
#include "shim/program_memory.h"
#include "shim/settings.h"

namespace culvert::shim {
namespace {

constexpr socklen_t kShortestV6 = 24;  // without scope: RFC 2133, which the kernel accepts

const uint8_t* embedded_v4(const in6_addr& address) { return address.s6_addr + 12; }

bool has_usual_length(socklen_t length) {
  return length >= sizeof(sockaddr_in) && length <= sizeof(sockaddr_storage);
}

socklen_t copied_length(socklen_t length) {
  constexpr socklen_t kMost = sizeof VirtualPeer::address;
  return length < kMost ? length : kMost;
}

}  // namespace

bool VirtualPeer::is_v4() const {
  return family() == AF_INET || IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr);
}

uint32_t VirtualPeer::ip() const {
  uint32_t ip;
  memcpy(&ip,
         family() == AF_INET ? static_cast<const void*>(&address.v4.sin_addr)
                             : embedded_v4(address.v6.sin6_addr),
         sizeof ip);
  return ntohl(ip);
}

uint16_t VirtualPeer::port() const {
  return ntohs(family() == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

void VirtualPeer::move_to(const uint8_t (&ip)[4], uint16_t port) {
  if (family() == AF_INET) {
    memcpy(&address.v4.sin_addr, ip, sizeof ip);
    address.v4.sin_port = htons(port);
  } else {
    memset(address.v6.sin6_addr.s6_addr, 0, 10);
    memset(address.v6.sin6_addr.s6_addr + 10, 0xff, 2);
    memcpy(address.v6.sin6_addr.s6_addr + 12, ip, sizeof ip);
    address.v6.sin6_port = htons(port);
  }
}

uint64_t VirtualPeer::place() const { return uint64_t{ip()} << 16 | port(); }

void VirtualPeer::move_to_place(uint64_t place) {
  uint8_t ip[4];
  for (int i = 0; i < 4; ++i) ip[i] = static_cast<uint8_t>(place >> (40 - 8 * i));
  move_to(ip, static_cast<uint16_t>(place));
}

bool VirtualPeer::has_moved_from(const VirtualPeer& meant) const {
  return is_v4() != meant.is_v4() || place() != meant.place();
}

void put_peer(culvert_question_packet& question, const VirtualPeer& peer) {
  if (peer.is_v4()) return put_ipv4(question, peer.ip(), peer.port());
  question.family = AF_INET6;
  question.port = peer.port();
  memcpy(question.address, &peer.address.v6.sin6_addr, sizeof question.address);
}

bool read_virtual_peer(const sockaddr* address, socklen_t length, VirtualPeer& peer) {
  peer.name_server = false;
  return has_usual_length(length) && is_readable(address, copied_length(length)) &&
         copy_virtual_peer(address, length, peer);
}

bool copy_virtual_peer(const sockaddr* address, socklen_t length, VirtualPeer& peer) {
  peer.name_server = false;
  if (!has_usual_length(length)) return false;
  peer.length = copied_length(length);
  memset(&peer.address, 0, sizeof peer.address);
  memcpy(&peer.address, address, peer.length);
  const bool is_v6 = peer.family() == AF_INET6 && length >= kShortestV6;
  if ((peer.family() != AF_INET && !is_v6) || peer.port() == 0) return false;
  if (!peer.is_v4()) {
    peer.ordinary = true;
    return is_forwarded_v6(peer.address.v6.sin6_addr.s6_addr);
  }
  peer.name_server = settings.dns_port != 0 && peer.ip() == settings.dns_address;
  if (peer.name_server) return false;
  peer.ordinary = !settings.in_pool(peer.ip());
  return !peer.ordinary || is_forwarded_v4(peer.ip());
}

}  // namespace culvert::shim
