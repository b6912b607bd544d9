// A service's statement about an address, as a peer sends it: whatever comes is refused, or true.
#include <cstdlib>

#include "tunnel/crypto/address_statement.h"

using namespace culvert;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto service = crypto::SigningKeyPair::from_seed(Secret<32>{});
  static const crypto::PublicKey endpoint{};
  const auto input = std::as_bytes(std::span{data, size});
  const auto read =
      crypto::AddressStatement::verify(input, service.public_key(), endpoint, UnixTime{});
  if (read && read->sign(service) != ByteVector(input.begin(), input.end())) std::abort();
  return 0;
}
