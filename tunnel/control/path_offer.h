// tunnel/control/path_offer.h: what two endpoints tell each other, inside their own session, to
// find a UDP path between them (PROTOCOL.md section 7.2). Values and their bytes; as with offer.h,
// what a peer says of itself is judged by tunnel/punch/candidates.h before anything is sent there.
#pragma once
#include "tunnel/base/secret.h"
#include "tunnel/control/offer.h"

namespace culvert::control {

// How the barrier of an endpoint gives ports to new mappings, as far as was observed.
struct Allocation {
  // DO NOT CHANGE THE VALUES: they are the wire.
  enum class Kind : std::uint8_t {
    kUnknown = 0,
    kSame = 1,        // one port whatever the destination: a mapping is known beforehand
    kSequential = 2,  // the next mapping gets the port `step` further
    kRange = 3,       // any of first ... last
    kRandom = 4,      // any
  };
  Kind kind = Kind::kUnknown;
  std::int16_t step = 0;              // kSequential; not 0
  std::uint16_t first = 0, last = 0;  // kRange
  std::uint16_t newest = 0;           // port of the mapping that was made last
  bool shared = false;  // one port may serve several destinations, each of another mapping
  bool operator==(const Allocation&) const = default;
};

struct PathOffer {
  std::uint32_t round = 0;  // the caller counts; an answer repeats it; 0: please begin another
  std::uint32_t path = 0;   // how packets towards the sender of the offer name their path
  Secret<32> secret;        // the sender's half of what the keys are derived from
  bool hardware_aes = false;
  bool sparing = false;  // no burst by chance in this round
  bool unseen = false;   // no discovery server answered: UDP gets not out there, or not in
  bool beside = false;   // of a path that is up, from new sockets: it moves there
  Allocation allocation;
  std::vector<Candidate> candidates;
  // Of the service: addresses where the sender receives, besides the one that its session has.
  std::vector<ByteVector> statements;
  bool operator==(const PathOffer&) const = default;
};

// The probe with that number arrived, where the answer to it may not. `path`: of the offer of the
// probe's sender.
struct PathSeen {
  std::uint32_t path = 0;
  std::uint64_t counter = 0;
  bool operator==(const PathSeen&) const = default;
};

// Datagrams to its sender go by the service where that is better: come to the relay (kRelay in
// target.h). `path`: of the receiver's offer.
struct PathRelay {
  std::uint32_t path = 0;
  bool operator==(const PathRelay&) const = default;
};

void write_path_offer(Writer& out, const PathOffer& offer);
PathOffer read_path_offer(Reader& in);  // a malformed one makes the reader fail

}  // namespace culvert::control
