// agent/peer_statements.h: at which addresses a peer receives besides the one that its session
// comes from: those for which it shows a statement of the service that is of this very peer,
// genuine and not too old. All else is left out: nobody may name a third party.
#pragma once
#include <vector>

#include "agent/own_endpoint.h"

namespace culvert::agent {

std::vector<IpAddress> stated_addresses(const OwnEndpoint& self, const crypto::PublicKey& peer,
                                        const std::vector<ByteVector>& statements);

}  // namespace culvert::agent
