// tunnel/carrier/digests.h: the hashes that old protocols prescribe: WebSocket (SHA-1), HTTP Digest
// (MD5, SHA-256), NTLM (MD4, MD5, HMAC-MD5). None of them protects anything of ours. And base64,
// which they all use.
#pragma once
#include <array>
#include <string>
#include <string_view>

#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"

namespace culvert::carrier {

using Md5 = std::array<std::byte, 16>;

Md5 md5(Bytes text);
std::array<std::byte, 20> sha1(Bytes text);
std::array<std::byte, 32> sha256(Bytes text);
Md5 hmac_md5(Bytes key, Bytes text);
Result<Md5> md4(Bytes text);  // kProtocol: this build's mbedTLS (3.x) has it no more

std::string to_base64(Bytes bytes);  // RFC 4648 section 4, with padding
// Empty for malformed input.
ByteVector from_base64(std::string_view text);

}  // namespace culvert::carrier
