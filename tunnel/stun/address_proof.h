// tunnel/stun/address_proof.h: what a discovery server adds to an answer, on request, so that its
// receiver can show to the same server that it receives at that address: a time and a MAC. Nothing
// is kept for it. Sans-IO.
//
// Who writes another sender on his request has the proof sent to that one. It says nothing of
// ports, nor of who showed it: whoever receives at an address may give its proof away.
#pragma once
#include <array>

#include "tunnel/base/address.h"
#include "tunnel/base/random.h"
#include "tunnel/base/secret.h"
#include "tunnel/base/time.h"

namespace culvert::stun {

using AddressProof = std::array<std::byte, 24>;  // u64 seconds of the server's clock, 16 octets MAC

class AddressProofs {
 public:
  static constexpr std::chrono::seconds kValid{30};

  explicit AddressProofs(Random& random) { random.fill(key_.edit()); }
  AddressProof make(const IpAddress& address, TimePoint now) const;
  bool holds(const AddressProof& proof, const IpAddress& address, TimePoint now) const;

 private:
  AddressProof of(std::uint64_t seconds, const IpAddress& address) const;

  Secret<32> key_;  // of this process
};

}  // namespace culvert::stun
