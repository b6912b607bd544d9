// service/address_prover.h: says in writing at which addresses an endpoint receives, besides
// the one that its session comes from: another family's, or another way out of its network. Signs
// only what a discovery server's proof shows (tunnel/stun/address_proof.h), for the endpoint whose
// session showed it. Keeps nothing.
#pragma once
#include <vector>

#include "tunnel/control/messages.h"
#include "tunnel/crypto/address_statement.h"
#include "tunnel/stun/address_proof.h"

namespace culvert::service {

class AddressProver {
 public:
  static constexpr std::chrono::hours kValid{2};

  AddressProver(Random& random, const crypto::SigningKeyPair& signing)
      : proofs_(random), signing_(signing) {}
  const stun::AddressProofs& proofs() const { return proofs_; }

  // kAuthentication: the proof does not hold (any more). kNotPermitted: no address to be told
  // others.
  Result<ByteVector> state(const control::ProveAddress& shown, const crypto::PublicKey& endpoint,
                           TimePoint now, UnixTime wall_clock) const;
  // Those of its statements that are true.
  std::vector<IpAddress> stated(const std::vector<ByteVector>& statements,
                                const crypto::PublicKey& endpoint, UnixTime wall_clock) const;

 private:
  stun::AddressProofs proofs_;
  const crypto::SigningKeyPair& signing_;
};

}  // namespace culvert::service
