// tunnel/base/bytes.h: borrowed byte ranges, and text seen as bytes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace culvert {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;
using ByteVector = std::vector<std::byte>;

inline Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline const std::uint8_t* as_u8(Bytes bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}
inline std::uint8_t* as_u8(MutableBytes bytes) {
  return reinterpret_cast<std::uint8_t*>(bytes.data());
}
inline void append(ByteVector& to, Bytes what) { to.insert(to.end(), what.begin(), what.end()); }

// Lower-case hexadecimal. from_hex skips white space; empty when `text` is not hexadecimal.
std::string to_hex(Bytes bytes);
ByteVector from_hex(std::string_view text);

// base64url without padding (RFC 4648 section 5). Empty result for malformed input.
std::string to_base64url(Bytes bytes);
ByteVector from_base64url(std::string_view text);

}  // namespace culvert
