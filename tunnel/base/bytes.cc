#include "tunnel/base/bytes.h"

#include <sodium.h>

#include <cctype>

namespace culvert {

std::string to_hex(Bytes bytes) {
  std::string text(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), as_u8(bytes), bytes.size());
  text.pop_back();
  return text;
}

ByteVector from_hex(std::string_view text) {
  std::string digits;
  for (const char c : text)
    if (std::isspace(static_cast<unsigned char>(c)) == 0) digits.push_back(c);
  if (digits.empty()) return {};
  ByteVector bytes(digits.size() / 2);
  std::size_t length = 0;
  if (digits.size() % 2 != 0 ||
      sodium_hex2bin(as_u8(MutableBytes{bytes}), bytes.size(), digits.data(), digits.size(),
                     nullptr, &length, nullptr) != 0 ||
      length != bytes.size())
    return {};
  return bytes;
}

std::string to_base64url(Bytes bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), as_u8(bytes), bytes.size(), kVariant);
  text.pop_back();
  return text;
}

ByteVector from_base64url(std::string_view text) {
  if (text.empty()) return {};  // libsodium must not be given null pointers
  ByteVector bytes(text.size());
  std::size_t length = 0;
  if (sodium_base642bin(as_u8(MutableBytes{bytes}), bytes.size(), text.data(), text.size(), nullptr,
                        &length, nullptr, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
    return {};
  bytes.resize(length);
  return bytes;
}

}  // namespace culvert
