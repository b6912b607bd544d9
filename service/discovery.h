// service/discovery.h: the discovery server (STUN): UDP and TCP at each of one or two addresses and
// one or two ports. What is answered, tunnel/stun/responder.h decides; here are the sockets. Those
// of the first address of a family serve the UDP paths of sessions as well (path_packets.h).
#pragma once
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "service/config.h"
#include "service/path_packets.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/tcp_listener.h"
#include "tunnel/stun/responder.h"

namespace culvert::service {

class Discovery final : private PathPackets::Sender {
 public:
  static constexpr std::size_t kMostConnections = 256, kMostOfOneSource = 8;
  static constexpr std::chrono::seconds kConnectionLimit{30};  // for each question

  // `proofs`: of addresses, for those who ask; see address_prover.h.
  Discovery(loop::Loop& loop, const DiscoveryConfig& config, PathPackets& path_packets,
            const stun::AddressProofs& proofs);
  ~Discovery();
  Result<void> start();  // kIo: a socket could not be bound; nothing runs then
  bool running() const { return !datagrams_.empty(); }
  const stun::Servers& servers() const { return responder_.servers(); }

 private:
  class Datagrams;
  class Streams;
  class Connection;
  void send_path_packets(std::size_t socket, const SocketAddress& to,
                         const std::vector<Bytes>& packets) override;
  std::size_t number_of(stun::Door door) const;  // of its UDP socket
  bool serves_paths(stun::Door door) const;
  bool has_room(const SocketAddress& peer) const;
  void remove(Connection& connection);

  loop::Loop& loop_;
  std::vector<IpAddress> bound_;  // the addresses of this machine
  stun::Responder responder_;
  PathPackets& path_packets_;
  std::vector<std::unique_ptr<Datagrams>> datagrams_;  // address 0 port 0, address 0 port 1, ...
  std::vector<std::unique_ptr<Streams>> streams_;
  std::list<std::unique_ptr<Connection>> connections_;
};

}  // namespace culvert::service
