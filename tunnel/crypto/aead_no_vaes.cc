// Stands in for aead_vaes.cc where the processor is none of x86-64.
#include "tunnel/crypto/aead_engine.h"

namespace culvert::crypto {

bool has_vaes() { return false; }

std::unique_ptr<const AeadEngine> make_vaes_engine(AeadAlgorithm /*algorithm*/,
                                                   std::span<const std::byte, 32> /*key*/) {
  return nullptr;
}

std::unique_ptr<const AeadEngine> make_vaes_aes128_gcm(std::span<const std::byte, 16> /*key*/) {
  return nullptr;
}

}  // namespace culvert::crypto
