#include "shim/ordinary_datagrams.h"

#include <errno.h>
#include <string.h>

#include "shim/ordinary_address.h"
#include "shim/own_address.h"
#include "shim/real.h"
#include "shim/recent_table.h"
#include "shim/socket_facts.h"
#include "shim/virtual_datagrams.h"

namespace culvert::shim {
namespace {

using Verdict = DatagramVerdict;

// What the agent has said of a socket (its cookie) and an address and port: where datagrams go
// really, address and port of IPv4; 0: where they are addressed to.
RecentTable<4, 6> places;
constexpr int64_t kKeepMs = CULVERT_DATAGRAMS_SECONDS * 1'000;

RecentTable<4, 6>::Key key_of(int fd, const VirtualPeer& peer) {
  RecentTable<4, 6>::Key key = {{socket_cookie(fd), 0, 0, peer.port()}};
  if (peer.is_v4())
    key.words[1] = peer.ip();
  else
    memcpy(&key.words[1], &peer.address.v6.sin6_addr, sizeof peer.address.v6.sin6_addr);
  return key;
}

// `really`: where datagrams go, if that is not where they are addressed to.
Verdict ask(int fd, VirtualPeer& really) {
  const Verdict verdict = ask_about_datagrams(fd, really, own_port_of(fd));
  if (verdict == Verdict::kGo && !may_reach_pool(fd)) return Verdict::kNotOurs;
  if (verdict == Verdict::kGo) leave_device(fd);
  return verdict;
}

bool is_no_route(int error) { return error == ENETUNREACH || error == EHOSTUNREACH; }

}  // namespace

// First natively, which sends nothing: the socket keeps the local address that the kernel chooses
// for that host (many programs connect and ask getsockname() which address is theirs). Not by IPv6:
// an address of that family leads to no IPv4 address afterwards.
int connect_ordinary_datagrams(int fd, const sockaddr* address, socklen_t length,
                               const VirtualPeer& peer) {
  const bool natively = peer.is_v4();
  const int result = natively ? connect_elsewhere(fd, address, length) : -1;
  const int error = errno;
  if (natively && result != 0 && !is_no_route(error)) return result;
  VirtualPeer really = peer;
  switch (ask(fd, really)) {
    case Verdict::kGo: return real.connect(fd, &really.address.any, really.length);
    case Verdict::kNotOurs:
      errno = error;
      return natively ? result : connect_elsewhere(fd, address, length);
    case Verdict::kFailed: break;
  }
  leave_peer(fd);
  return -1;
}

bool lead_ordinary_datagram(int fd, VirtualPeer& peer) {
  const auto key = key_of(fd, peer);
  uint64_t place = 0;
  if (!places.find(key, place)) {
    VirtualPeer really = peer;
    const Verdict verdict = ask(fd, really);
    if (verdict == Verdict::kFailed) return false;
    place = verdict == Verdict::kGo ? really.place() : 0;
    places.remember(key, place, kKeepMs);
  }
  if (place != 0) peer.move_to_place(place);
  return true;
}

void show_ordinary_sender(sockaddr* from, socklen_t size) {
  VirtualPeer peer;
  if (copy_virtual_peer(from, size, peer) && !peer.ordinary) show_ordinary_address(from, peer);
}

}  // namespace culvert::shim
