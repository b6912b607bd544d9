// tunnel/punch/candidates.h: which addresses of a peer's offer may be dialled.
//
// Sans-IO. An endpoint must not become a scanner or a reflector for whoever it talks to. So of what
// a peer says of itself only this counts:
//   - addresses that the service sees that very peer at, or states that it receives at
//     (any port: it harms itself alone),
//   - private addresses inside a network of this machine's own interfaces, if both endpoints are
//     at one and the same public address, hence behind the same NAT; ports from 1024 only,
//   - by UDP, behind the same NAT, a few private addresses of no own network: there is a NAT more
//     on the way out of here, and the peer sits between both (PrivateReach says how often).
// Never loopback, link-local, multicast, unspecified or broadcast addresses, never our own.
//
// Where neither side is let in, or that is not known of an address, both dial at the same time,
// each from the port that it offers: to each barrier the other side's SYN is the answer to its own
// (TCP simultaneous open, RFC 5128 section 3.4). That needs barriers that keep the port, or map it
// alike for every destination.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tunnel/control/offer.h"

namespace culvert::punch {

inline constexpr std::size_t kMostDials = 8;   // of one offer
inline constexpr std::size_t kMostBeyond = 3;  // ... among them

inline constexpr std::uint16_t kWebPort = 443;  // some barriers let nothing else out

// What is certain, whatever the peer says.
struct Ground {
  std::optional<IpAddress> own_seen, peer_seen;  // by the service
  std::vector<IpPrefix> own_networks;            // of interfaces: address and prefix length
  bool lan_allowed = true;                       // configuration
  control::Inbound own_inbound = control::Inbound::kUnknown;  // at own_seen
  // Where they receive besides, as the service states (crypto/address_statement.h). Shown by
  // UDP or TCP, it is their address for either.
  std::vector<IpAddress> own_stated, peer_stated;
  // At the one of ours that is of another family than own_seen.
  control::Inbound own_other_inbound = control::Inbound::kUnknown;
};

struct Dial {
  SocketAddress to;
  bool lan = false;
  bool punch = false;  // from our own direct port, at the same time as the other side
  int rank = 0;        // of UDP: the smaller, the better, if several answer (fewer NATs)
  // Of a punch by IPv6: our own address that the peer dials. A machine has several.
  std::optional<IpAddress> from = std::nullopt;
  bool beyond = false;  // private, in no own network; only if PrivateReach allows it
  bool operator==(const Dial&) const = default;
};

// TCP candidates worth a connection, best first: the LAN, then the peer's own public addresses of
// either family.
std::vector<Dial> tcp_dials(const control::Offer& offer, const Ground& ground);

// The same for packets of a UDP path, IPv6 and IPv4 beside each other. Both sides always send at
// the same time.
std::vector<Dial> udp_dials(const std::vector<control::Candidate>& candidates,
                            const Ground& ground);
// Whether genuine packets of that peer are taken from there, and answered.
bool may_hear(const IpAddress& from, const Ground& ground);
// ... if PrivateReach allows it, too.
bool may_hear_beyond(const IpAddress& from, const Ground& ground);

// Whether an address may be offered to others: a unicast address that is not this machine's alone.
bool is_offerable(const IpAddress& address);

// The peer wants to be dialled at kWebPort, and from there.
bool asks_for_web_port(const control::Offer& offer);

// "IPv4 and IPv6"
std::string families_of(const std::vector<Dial>& dials);

// Why there is no direct path, for people: "neither machine admits connections from outside".
// `tried`: families.
std::string why_not_direct(control::Inbound own, control::Inbound peers, bool offered,
                           const std::string& tried = {});

}  // namespace culvert::punch
