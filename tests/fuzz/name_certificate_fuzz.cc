// Name certificates from strangers: what decodes must be a certificate that can be signed, and its
// encoding the very octets that were decoded.
#include <cstdlib>

#include "tunnel/crypto/name_certificate.h"

using namespace culvert;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto service = crypto::SigningKeyPair::from_seed(Secret<32>{});
  const auto input = std::as_bytes(std::span{data, size});
  (void)crypto::NameCertificate::verify(input, service.public_key(), UnixTime{});
  const auto decoded = crypto::NameCertificate::decode_unverified(input);
  if (!decoded) return 0;
  const auto encoded = decoded->sign(service);
  if (!encoded || encoded->size() != size) abort();
  const auto body = size - std::tuple_size_v<crypto::Signature>;
  if (!std::equal(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(body),
                  encoded->begin()))
    abort();
  return 0;
}
