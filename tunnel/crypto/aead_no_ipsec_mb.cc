// Stands in for aead_ipsec_mb.cc where that library does not exist (other than x86-64).
#include "tunnel/crypto/aead_engine.h"

namespace culvert::crypto {

bool ipsec_mb_has_hardware_aes() { return false; }

std::unique_ptr<const AeadEngine> make_ipsec_mb_engine(AeadAlgorithm /*algorithm*/,
                                                       std::span<const std::byte, 32> /*key*/) {
  return nullptr;
}

std::unique_ptr<const AeadEngine> make_ipsec_mb_aes128_gcm(std::span<const std::byte, 16> /*key*/) {
  return nullptr;
}

}  // namespace culvert::crypto
