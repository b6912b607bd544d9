// tunnel/control/target.h: what a stream's opener wants it connected to (PROTOCOL.md section 6.1).
#pragma once
#include <string>

#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"

namespace culvert::control {

struct Target {
  // DO NOT CHANGE THE VALUES: they are the wire.
  enum class Kind : std::uint8_t {
    kEndpointPort = 1,  // session between endpoints: this port of the acceptor; host is empty
    kForward = 2,       // session to the service: an ordinary host (name or address) and port
    kEndpointUdp = 3,   // as kEndpointPort and kForward, for the datagrams of the stream
    kForwardUdp = 4,
    kRelay = 5,  // session to the service: whoever names the same host (a token) gets the datagrams
    // From the endpoint that was asked: datagrams of another port of its machine, for the program
    // whose flow (of kEndpointUdp) the stream `beside` is.
    kBesideUdp = 6,
    // From the service to an endpoint: as kEndpointUdp, for a host that is none of its peers;
    // `host` is the name that it goes by there.
    kHostedUdp = 7,
  };
  Kind kind = Kind::kEndpointPort;
  std::string host;  // at most 253 octets
  std::uint16_t port = 0;
  std::uint32_t beside = 0;  // kBesideUdp
  // kEndpointPort and kEndpointUdp: of the program that calls; 0: not told. kHostedUdp: of the
  // host.
  std::uint16_t caller_port = 0;

  bool is_udp() const { return kind != Kind::kEndpointPort && kind != Kind::kForward; }
  bool operator==(const Target&) const = default;
};

// How packets of a relay (kRelay) reach the other member, as the service says by an octet on the
// stream; the last one counts. DO NOT CHANGE THE VALUES: they are the wire.
enum class RelayedBy : std::uint8_t { kNobody = 0, kSession = 1, kUdp = 2 };
RelayedBy to_relayed_by(std::byte octet);  // of others than these: kNobody

ByteVector encode(const Target& target);
Result<Target> decode_target(Bytes bytes);

}  // namespace culvert::control
