// Both readers of the Noise handshake on hostile octets; the first octet chooses the reader.
#include "tunnel/crypto/noise.h"

using namespace culvert;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static SystemRandom random;
  static const auto self = crypto::KeyPair::from_secret(Secret<32>{});
  const auto input = std::as_bytes(std::span{data, size}).subspan(1);
  ByteVector out;
  if (data[0] % 2 == 0) {
    auto responder = crypto::NoiseHandshake::responder({}, self, random);
    (void)responder.read_message(input, out);
    (void)responder.read_message(input, out);
  } else {
    auto initiator = crypto::NoiseHandshake::initiator({}, self, self.public_key, random);
    ByteVector first;
    (void)initiator.write_message({}, first);
    (void)initiator.read_message(input, out);
  }
  return 0;
}
