#include "tunnel/stun/address_proof.h"

#include <sodium.h>

#include <algorithm>

#include "tunnel/base/byte_codec.h"

namespace culvert::stun {
namespace {

constexpr std::size_t kTime = 8, kMac = 16;

std::uint64_t seconds_of(TimePoint now) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
}

}  // namespace

AddressProof AddressProofs::of(std::uint64_t seconds, const IpAddress& address) const {
  std::array<std::byte, kTime + 1 + 16> said{};
  store_be(said.data(), seconds);
  said[kTime] = std::byte{static_cast<std::uint8_t>(address.is_v4() ? 4 : 6)};
  std::ranges::copy(std::as_bytes(std::span{address.octets()}), said.begin() + kTime + 1);
  AddressProof proof;
  store_be(proof.data(), seconds);
  crypto_generichash(reinterpret_cast<unsigned char*>(proof.data()) + kTime, kMac,
                     as_u8(Bytes{said}), said.size(), as_u8(key_.view()), key_.view().size());
  return proof;
}

AddressProof AddressProofs::make(const IpAddress& address, TimePoint now) const {
  return of(seconds_of(now), address);
}

bool AddressProofs::holds(const AddressProof& proof, const IpAddress& address,
                          TimePoint now) const {
  const auto made = load_be<std::uint64_t>(proof.data());
  const auto at = seconds_of(now);
  if (made > at || at - made > std::uint64_t{kValid.count()}) return false;
  const auto right = of(made, address);
  return sodium_memcmp(right.data(), proof.data(), proof.size()) == 0;
}

}  // namespace culvert::stun
