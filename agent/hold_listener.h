// agent/hold_listener.h: swallows the SYNs that programs send to a virtual address and port, so
// that their sockets stay in true SYN_SENT until the agent decides.
//
// No privilege needed: a listener that wants a TTL of 255 (a SYN has 64) AND whose accept queue of
// length 0 is full with one dummy connection, for programs that set IP_TTL=255 themselves. Not a
// socket filter: that needs CAP_NET_ADMIN for TCP [measured].
//
// While the listener lives no other program can bind that port on 0.0.0.0, and where one listens
// there already (the local sshd, when a remote sshd is asked for) ours cannot bind: then the hold
// is at another port of the same virtual address. So holds are kept only for as long as
// connects are pending, plus a short linger that saves making them anew (3 sockets' worth of
// calls).
#pragma once
#include "tunnel/base/address.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

// One hold: two descriptors.
class HoldListener {
 public:
  static Result<HoldListener> open(const SocketAddress& at);  // port 0: the kernel chooses
  const SocketAddress& address() const { return address_; }

 private:
  UniqueFd listener_, dummy_;
  SocketAddress address_;
};

// Whether this process may listen on ports below 1024 of `pool_address`: asks the kernel.
bool may_bind_low_ports(const IpAddress& pool_address);

}  // namespace culvert::agent
