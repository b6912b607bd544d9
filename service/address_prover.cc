#include "service/address_prover.h"

#include "tunnel/punch/candidates.h"

namespace culvert::service {

Result<ByteVector> AddressProver::state(const control::ProveAddress& shown,
                                        const crypto::PublicKey& endpoint, TimePoint now,
                                        UnixTime wall_clock) const {
  const auto address = shown.address.canonical();
  if (!proofs_.holds(shown.proof, shown.address, now))
    return fail(ErrorCode::kAuthentication, "no proof of " + shown.address.to_string() +
                                                " by this service, or too old: it is asked again");
  if (address != shown.address || !punch::is_offerable(address))
    return fail(ErrorCode::kNotPermitted,
                shown.address.to_string() + " is no address that others could send to");
  return crypto::AddressStatement{endpoint, address, wall_clock + Duration{kValid}}.sign(signing_);
}

std::vector<IpAddress> AddressProver::stated(const std::vector<ByteVector>& statements,
                                             const crypto::PublicKey& endpoint,
                                             UnixTime wall_clock) const {
  std::vector<IpAddress> out;
  for (const auto& one : statements) {
    const auto statement =
        crypto::AddressStatement::verify(one, signing_.public_key(), endpoint, wall_clock);
    if (statement) out.push_back(statement->address);
  }
  return out;
}

}  // namespace culvert::service
