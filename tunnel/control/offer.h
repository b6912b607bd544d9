// tunnel/control/offer.h: where an endpoint might be reached without the relay: what two endpoints
// tell each other inside their own session, which the relay cannot read (PROTOCOL.md section 7.1).
//
// Values and their bytes. An offer is what a peer says of itself: nothing in it may be dialled
// before tunnel/punch/candidates.h has compared it with what the service says of that peer.
#pragma once
#include <array>
#include <vector>

#include "tunnel/base/address.h"
#include "tunnel/base/byte_codec.h"

namespace culvert::control {

// Random, of one offer: a connection that comes back shows it and is so known to be of the peer.
using OfferToken = std::array<std::byte, 16>;

// Does a TCP connection from outside get in? As the service found out by trying.
// DO NOT CHANGE THE VALUES: they are the wire.
enum class Inbound : std::uint8_t { kUnknown = 0, kOpen = 1, kClosed = 2 };

struct Candidate {
  // DO NOT CHANGE THE VALUES: they are the wire. Names of RFC 8445 section 5.1.1.
  enum class Kind : std::uint8_t {
    kHost = 1,             // an address of an interface
    kServerReflexive = 2,  // as the service sees it
  };
  enum class Transport : std::uint8_t { kTcp = 1, kUdp = 2 };
  Kind kind = Kind::kHost;
  Transport transport = Transport::kTcp;
  SocketAddress at;
  bool operator==(const Candidate&) const = default;
};

struct Offer {
  std::uint32_t round = 0;              // the caller counts; an answer repeats it; 0: begin another
  Inbound inbound = Inbound::kUnknown;  // at the address that the sender's session comes from
  OfferToken token{};
  std::vector<Candidate> candidates;
  // Of the service: addresses where the sender receives, besides the one that its session has.
  std::vector<ByteVector> statements;
  // At the stated address of the family that the sender's session does not have.
  Inbound other_inbound = Inbound::kUnknown;
  bool operator==(const Offer&) const = default;
};

inline constexpr std::size_t kMostCandidates = 16;
inline constexpr std::size_t kMostStatements = 4;  // any more are cut off

// `u8 count`, then each with its length in front. Of a later version's kinds nothing is known: such
// a candidate is left out.
void write_candidates(Writer& out, const std::vector<Candidate>& candidates);
std::vector<Candidate> read_candidates(Reader& in);

// At the end of an offer: nothing if there are none, as earlier versions write and read it.
void write_statements(Writer& out, const std::vector<ByteVector>& statements);
std::vector<ByteVector> read_statements(Reader& in);

void write_offer(Writer& out, const Offer& offer);
Offer read_offer(Reader& in);  // a malformed one makes the reader fail; later fields are skipped

}  // namespace culvert::control
