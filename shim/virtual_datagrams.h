// shim/virtual_datagrams.h: datagrams to virtual addresses go to the agent, which binds the address
// when it is asked. Unbound, they would reach whatever program of this machine has the port on
// 0.0.0.0: so the question comes before the first of them, and is repeated every few seconds while
// there are more.
#pragma once
#include "shim/virtual_peer.h"

namespace culvert::shim {

enum class DatagramVerdict { kGo, kNotOurs, kFailed };  // kFailed: with errno
// Asks the agent, and moves `peer` to where datagrams really go. `own_port`: 0 if it has none yet.
DatagramVerdict ask_about_datagrams(int fd, VirtualPeer& peer, uint16_t own_port);
uint16_t own_port_of(int fd);

// connect() of a UDP socket; `address` and `length` are what the program passed. It is the real
// connect, and then the agent is asked: nothing has been sent in between.
int connect_datagrams(int fd, const sockaddr* address, socklen_t length, const VirtualPeer& peer);

// Before a datagram goes to `peer`, which may have to be moved. False: errno says why not.
bool prepare_datagram(int fd, VirtualPeer& peer);

// After a bind() that failed with EADDRINUSE, to a port on every address: the agent may have it of
// virtual addresses. False: nothing has changed. The failed call's errno is lost.
bool bind_beside_agent(int fd, const sockaddr* address, socklen_t length, uint16_t port);

// After bind(): the agent may publish the port. `everywhere`: on all addresses.
void tell_bound(int fd, bool everywhere);

// The program knows its UDP socket's port: the agent may let others call it, if the kernel has
// chosen it (those that the program chose were told of by tell_bound()). Connected ones are
// clients.
void tell_asked_for_port(int fd);

}  // namespace culvert::shim
