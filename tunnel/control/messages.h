// tunnel/control/messages.h: messages on the control stream between an endpoint and the service
// (PROTOCOL.md section 6.2). Values and their bytes; no policy.
#pragma once
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tunnel/base/byte_queue.h"
#include "tunnel/control/hello.h"
#include "tunnel/control/offer.h"
#include "tunnel/control/path_offer.h"

namespace culvert::control {

// Endpoint to service: the whole set of ports that this endpoint lets others reach. It replaces
// the previous set. The endpoint's name resolves while the set is not empty.
struct Publish {
  std::vector<std::uint16_t> ports;
  bool operator==(const Publish&) const = default;
};

// The same for UDP ports, in a message of its own that services without UDP skip. The name resolves
// while either set is not empty.
struct PublishUdp {
  std::vector<std::uint16_t> ports;
  bool operator==(const PublishUdp&) const = default;
};

// Endpoint to service; answered by Found with the same query number.
struct Lookup {
  enum class Kind : std::uint8_t {
    kEndpoint = 1,  // a virtual host name
    kOrdinary = 2,  // does this ordinary name exist, as the service's resolver sees it?
  };
  std::uint32_t query = 0;
  Kind kind = Kind::kEndpoint;
  std::string name;
  bool operator==(const Lookup&) const = default;
};

struct Found {
  std::uint32_t query = 0;
  ErrorCode error = ErrorCode::kNone;  // kNameUnknown, kTryAgain, kNotPermitted, kExhausted
  std::string detail;                  // why, for people
  ByteVector certificate;              // kEndpoint: the endpoint's name certificate
  bool operator==(const Found&) const = default;
};

// Service to endpoint: somebody calls; dial the service with Purpose::kCircuitAnswer and this
// ticket within 10 s. `caller` is for the log: who it is, is proven in the session inside.
struct Incoming {
  CircuitTicket ticket{};
  std::string caller;
  bool operator==(const Incoming&) const = default;
};

// Either way: the sender is about to end the session in order.
struct Goodbye {
  std::string reason;
  bool operator==(const Goodbye&) const = default;
};

// Endpoint to service: the whole set of endpoints that may call although nothing is published:
// their sessions here live on and need another circuit.
struct Expect {
  std::vector<std::string> callers;
  bool operator==(const Expect&) const = default;
};

// Endpoint to service: connect to me at this port of the address that you see, or of the one that
// you have stated, and show this: so I learn whether connections from outside get in.
using TrialSecret = std::array<std::byte, 16>;
struct TryInbound {
  std::uint16_t port = 0;
  TrialSecret secret{};
  ByteVector statement = {};  // empty: where the session comes from
  bool operator==(const TryInbound&) const = default;
};

// Its answer. `error`: kNone, it was let in and recognised; kTryAgain, it was not tried.
struct InboundTried {
  std::uint16_t port = 0;
  ErrorCode error = ErrorCode::kNone;
  std::string detail;                // for people
  std::optional<IpAddress> at = {};  // earlier versions do not say: where the session comes from
  bool operator==(const InboundTried&) const = default;
};

// Service to endpoint: where its discovery servers (STUN, UDP and TCP) are: the first address with
// each port, then the second one. At most kMostDiscoveryServers.
struct DiscoveryServers {
  std::vector<SocketAddress> servers;
  bool operator==(const DiscoveryServers&) const = default;
};
inline constexpr std::size_t kMostDiscoveryServers = 8;

// Endpoint to service: this came in an answer of your discovery server, by UDP, at that address.
using ProofOctets = std::array<std::byte, 24>;  // the service's own affair
struct ProveAddress {
  ProofOctets proof{};
  IpAddress address;
  bool operator==(const ProveAddress&) const = default;
};

// Its answer: what other endpoints believe (tunnel/crypto/address_statement.h). None: no answer.
struct AddressStated {
  ByteVector statement;
  bool operator==(const AddressStated&) const = default;
};

// Service to endpoint: its name certificate anew; the one before ends soon.
struct Certificate {
  ByteVector certificate;
  bool operator==(const Certificate&) const = default;
};

using Message = std::variant<Publish, Lookup, Found, Incoming, Goodbye, Expect, PublishUdp,
                             TryInbound, InboundTried, Offer, DiscoveryServers, PathOffer, PathSeen,
                             PathRelay, ProveAddress, AddressStated, Certificate>;

inline constexpr std::size_t kMostExpected = 1024;     // names of an Expect; any more are cut off
inline constexpr std::size_t kMaxMessage = 32 * 1024;  // a larger one is a protocol error

ByteVector encode(const Message& message);  // with its length in front

// Takes one message off the front of what the control stream delivered. nullopt: not all there
// yet, nothing taken. Messages of unknown type are skipped. `taken` counts octets used.
Result<std::optional<Message>> take_message(Bytes in, std::size_t& taken);

}  // namespace culvert::control
