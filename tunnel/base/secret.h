// tunnel/base/secret.h: bytes that are wiped when they go out of use and are never printed.
#pragma once
#include <sodium.h>

#include <array>
#include <cstring>

#include "tunnel/base/bytes.h"

namespace culvert {

template <std::size_t N>
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::span<const std::byte, N> from) {
    std::memcpy(bytes_.data(), from.data(), N);
  }
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  ~Secret() { sodium_memzero(bytes_.data(), N); }

  std::span<const std::byte, N> view() const { return bytes_; }
  std::span<std::byte, N> edit() { return bytes_; }
  const std::uint8_t* data() const { return as_u8(Bytes{bytes_}); }
  std::uint8_t* data() { return as_u8(MutableBytes{bytes_}); }

  // Constant time.
  bool operator==(const Secret& other) const {
    return sodium_memcmp(bytes_.data(), other.bytes_.data(), N) == 0;
  }

 private:
  std::array<std::byte, N> bytes_{};
};

}  // namespace culvert
