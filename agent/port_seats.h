// agent/port_seats.h: for each UDP port that a program here serves on all addresses, a socket from
// which datagrams can be sent to it from that same port of any virtual address (IP_PKTINFO): peers
// call each other from port 5060 to port 5060, and the kernel lets nobody bind that port beside the
// program's socket, unless that one shares (SO_REUSEADDR): it does so while its shim tells of it.
//
// A seat is at an address that nobody sends to, and hears nothing.
#pragma once
#include <map>
#include <set>

#include "agent/listener_watch.h"
#include "tunnel/base/address.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

class PortSeats {
 public:
  explicit PortSeats(const IpAddress& at) : at_(at) {}
  // Of programs that serve UDP. A seat lasts as long as any that has its port.
  void add(const ProgramListener& listener);
  void remove(const ProgramListener& listener);
  int socket(std::uint16_t port) const;  // -1: there is none
  bool is(const SocketAddress& address) const { return address.ip == at_; }

  template <class Visit>  // of an address and its socket
  void for_each(Visit visit) const {
    for (const auto& [port, seat] : seats_) visit(SocketAddress{at_, port}, seat.socket.get());
  }
  // One of an earlier process, before its programs are added again; then drop_unused().
  void adopt(std::uint16_t port, UniqueFd socket);
  void drop_unused();

 private:
  struct Seat {
    UniqueFd socket;
    std::set<std::uint64_t> listeners;  // cookies
  };
  IpAddress at_;
  std::map<std::uint16_t, Seat> seats_;
};

}  // namespace culvert::agent
