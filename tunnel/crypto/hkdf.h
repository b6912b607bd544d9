// tunnel/crypto/hkdf.h: key derivation by HMAC-SHA256 (RFC 2104, RFC 5869).
#pragma once
#include <array>
#include <string_view>

#include "tunnel/base/bytes.h"
#include "tunnel/base/secret.h"

namespace culvert::crypto {

// HKDF of the Noise specification (section 4.3) with two outputs: RFC 5869 with `chaining` as salt
// and no info.
struct HkdfPair {
  Secret<32> first;
  Secret<32> second;
};
HkdfPair hkdf(const Secret<32>& chaining, Bytes input);

// A key for one purpose out of another: HKDF-Expand with info = "culvert " and the label, one
// block. Labels must not be a peer's choice. Deriving epoch n+1 from epoch n with one label, and
// wiping n, is a ratchet: the newer key does not tell the older.
Secret<32> derive_key(const Secret<32>& base, std::string_view label);

}  // namespace culvert::crypto
