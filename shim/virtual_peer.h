// shim/virtual_peer.h: whether a socket address that the program passed is a virtual one, or an
// ordinary one that the agent may carry.
#pragma once
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include "shim/wire.h"

namespace culvert::shim {

struct VirtualPeer {
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;  // ::ffff:a.b.c.d, unless it is ordinary
  } address;
  socklen_t length;
  bool ordinary;     // not in the pool: may turn out not to be ours
  bool name_server;  // the agent's own: in the pool, and no virtual address

  int family() const { return address.any.sa_family; }
  bool is_v4() const;      // or v4-mapped
  uint32_t ip() const;     // host order; if is_v4()
  uint16_t port() const;   // host order
  uint64_t place() const;  // both in one
  void move_to(const uint8_t (&ip)[4], uint16_t port);
  void move_to_place(uint64_t place);
  bool has_moved_from(const VirtualPeer& meant) const;  // what this was copied from
};

// Copies what the kernel would read. False: neither in the pool nor forwarded, the name server,
// port 0, too short, unreadable: the real call then says what is wrong with it, if anything.
bool read_virtual_peer(const sockaddr* address, socklen_t length, VirtualPeer& peer);

// The same of what can be read for sure: the kernel has just written it.
bool copy_virtual_peer(const sockaddr* address, socklen_t length, VirtualPeer& peer);

void put_peer(culvert_question_packet& question, const VirtualPeer& peer);

}  // namespace culvert::shim
