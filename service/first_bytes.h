// service/first_bytes.h: which protocol a visitor speaks, by its first octets.
#pragma once
#include <algorithm>
#include <array>

#include "tunnel/base/bytes.h"
#include "tunnel/session/handshake.h"

namespace culvert::service {

enum class Spoken : std::uint8_t { kUndecided, kCulvert, kTls, kHttp, kUnknown };

// The version octet of the magic is not looked at: the handshake refuses other versions.
inline Spoken recognise(Bytes first) {
  if (first.empty()) return Spoken::kUndecided;
  if (first[0] >= std::byte{'A'} && first[0] <= std::byte{'Z'}) return Spoken::kHttp;
  constexpr std::array kTlsRecord{std::byte{0x16}, std::byte{0x03}};  // handshake, version 3.x
  constexpr std::array kWord{session::kMagic[0], session::kMagic[1], session::kMagic[2]};
  const auto compare = [first](const auto& wanted, Spoken whole) {
    const auto known = static_cast<std::ptrdiff_t>(std::min(first.size(), wanted.size()));
    if (!std::equal(wanted.begin(), wanted.begin() + known, first.begin())) return Spoken::kUnknown;
    return first.size() < wanted.size() ? Spoken::kUndecided : whole;
  };
  if (const auto tls = compare(kTlsRecord, Spoken::kTls); tls != Spoken::kUnknown) return tls;
  return compare(kWord, Spoken::kCulvert);
}

}  // namespace culvert::service
