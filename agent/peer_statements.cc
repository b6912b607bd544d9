#include "agent/peer_statements.h"

#include "tunnel/crypto/address_statement.h"

namespace culvert::agent {

std::vector<IpAddress> stated_addresses(const OwnEndpoint& self, const crypto::PublicKey& peer,
                                        const std::vector<ByteVector>& statements) {
  std::vector<IpAddress> out;
  for (const auto& one : statements) {
    const auto statement = crypto::AddressStatement::verify(one, self.identity.signing_key, peer,
                                                            loop::Loop::wall_clock());
    if (statement) out.push_back(statement->address);
  }
  return out;
}

}  // namespace culvert::agent
