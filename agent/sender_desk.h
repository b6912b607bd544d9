// agent/sender_desk.h: callers of UDP servers that take IPv6 alone. There is no virtual IPv6
// address to send from, and whoever comes from ::1 is taken for a user of this machine. So each
// caller has a port of the server's own address, one that Linux gives to nobody by itself, and the
// server's shim asks who that stands for (CULVERT_ASK_SENDER), and where an answer to a caller has
// to go. Who has gone is remembered: what he has sent may not have been read yet.
#pragma once
#include <map>
#include <optional>

#include "tunnel/base/address.h"
#include "tunnel/base/result.h"
#include "tunnel/flow/datagram_flow.h"

namespace culvert::agent {

class SenderDesk {
 public:
  static constexpr std::size_t kMost = 4096;  // those that have gone counted

  struct Sender {
    UniqueFd socket;                                       // connected to the server
    std::unique_ptr<flow::DatagramFlow::Companion> entry;  // while it is there, the desk knows it
  };
  // `server`: where it is bound. The desk has to outlive the entry.
  Result<Sender> open(const SocketAddress& caller, const SocketAddress& server);
  std::optional<SocketAddress> caller_at(const SocketAddress& sender) const;
  // For the server that has this port.
  std::optional<SocketAddress> sender_for(const SocketAddress& caller, std::uint16_t server) const;

 private:
  class Entry;
  struct Call {
    SocketAddress caller;
    std::uint16_t server = 0;
    std::uint64_t gone = 0;  // as which, from 1; 0: it is there
  };
  bool make_room();
  std::map<SocketAddress, Call> senders_;
  std::uint64_t gone_ = 0;
};

}  // namespace culvert::agent
