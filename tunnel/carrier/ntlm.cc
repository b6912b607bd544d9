#include "tunnel/carrier/ntlm.h"

#include <sodium.h>

#include <array>
#include <cstring>

#include "tunnel/carrier/digests.h"

namespace culvert::carrier {
namespace {

// [MS-NLMP] section 2.2.2.5.
constexpr std::uint32_t kUnicode = 0x1, kOem = 0x2, kRequestTarget = 0x4, kNtlm = 0x200,
                        kAlwaysSign = 0x8000, kExtendedSecurity = 0x80000, kTargetInfo = 0x800000;
constexpr std::uint32_t kOurs =
    kUnicode | kOem | kRequestTarget | kNtlm | kAlwaysSign | kExtendedSecurity;
constexpr std::string_view kSignature{"NTLMSSP\0", 8};
constexpr std::size_t kAuthenticateHead = 64;
constexpr std::uint16_t kAvEnd = 0, kAvTimestamp = 7;

std::uint64_t little(Bytes bytes, std::size_t at, int octets) {
  std::uint64_t value = 0;
  for (int i = octets - 1; i >= 0; --i)
    value = value << 8 | std::to_integer<std::uint64_t>(bytes[at + static_cast<std::size_t>(i)]);
  return value;
}

void put_little(ByteVector& out, std::uint64_t value, int octets) {
  for (int i = 0; i < octets; ++i) out.push_back(static_cast<std::byte>(value >> 8 * i & 0xff));
}

// UTF-8 to UTF-16LE; octets that are no UTF-8 are taken as Latin-1.
ByteVector utf16(std::string_view text) {
  ByteVector out;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    std::uint32_t value = more == 0 ? first : first & (0x3fu >> more);
    bool good = first < 0xf8 && (more > 0 || first < 0x80);
    for (int k = 1; k <= more; ++k) {
      const auto at = i + static_cast<std::size_t>(k);
      const auto next = at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
      good = good && (next & 0xc0) == 0x80;
      value = value << 6 | (next & 0x3f);
    }
    if (!good) value = first;
    i += good ? static_cast<std::size_t>(more) + 1 : 1;
    if (value >= 0x10000) {
      put_little(out, 0xd800 + ((value - 0x10000) >> 10 & 0x3ff), 2);
      value = 0xdc00 + ((value - 0x10000) & 0x3ff);
    }
    put_little(out, value, 2);
  }
  return out;
}

std::string upper(std::string_view text) {  // of ASCII: domain controllers fold more, rarely met
  std::string out;
  for (const char c : text) out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return out;
}

struct Challenge {
  std::uint32_t flags = 0;
  Bytes nonce;
  Bytes target_info;
};

Result<Challenge> read_challenge(Bytes message) {
  const auto broken = [] {
    return fail(ErrorCode::kProtocol, "the proxy's NTLM message is not a proper challenge");
  };
  if (message.size() < 32 || as_text(message.first(8)) != kSignature || little(message, 8, 4) != 2)
    return broken();
  Challenge out;
  out.flags = static_cast<std::uint32_t>(little(message, 20, 4));
  out.nonce = message.subspan(24, 8);
  // Without the flag these octets are something else (squid's ntlm_fake_auth: the name).
  if ((out.flags & kTargetInfo) == 0 || message.size() < 48) return out;
  const auto size = little(message, 40, 2), at = little(message, 44, 4);
  if (size == 0) return out;
  if (at > message.size() || size > message.size() - at) return broken();
  out.target_info = message.subspan(at, size);
  return out;
}

// The server's time, if it tells one: 100 ns since 1601.
std::optional<std::uint64_t> timestamp_of(Bytes info) {
  while (info.size() >= 4) {
    const auto id = little(info, 0, 2), size = little(info, 2, 2);
    if (id == kAvEnd || size > info.size() - 4) return std::nullopt;
    if (id == kAvTimestamp && size == 8) return little(info, 4, 8);
    info = info.subspan(4 + size);
  }
  return std::nullopt;
}

ByteVector joined(Bytes one, Bytes two) {
  ByteVector out(one.begin(), one.end());
  append(out, two);
  return out;
}

}  // namespace

std::uint64_t ntlm_time(UnixTime now) {
  constexpr std::uint64_t kFrom1601 = 11'644'473'600ull * 10'000'000;
  return to_unix_nanoseconds(now) / 100 + kFrom1601;
}

ByteVector ntlm_negotiate() {
  ByteVector out;
  append(out, as_bytes(kSignature));
  put_little(out, 1, 4);
  put_little(out, kOurs, 4);
  out.resize(32);  // neither domain nor workstation
  return out;
}

Result<ByteVector> ntlm_authenticate(Bytes message, const ProxyCredentials& credentials,
                                     const NtlmNonce& nonce, std::uint64_t time) {
  const auto challenge = read_challenge(message);
  if (!challenge) return fail(challenge.error());
  auto password = utf16(credentials.password);
  const auto nt_hash = md4(password);
  sodium_memzero(password.data(), password.size());
  if (!nt_hash) return fail(nt_hash.error());
  const auto identity = utf16(upper(credentials.user) + credentials.domain);
  const auto key = hmac_md5(*nt_hash, identity);

  const auto server_time = timestamp_of(challenge->target_info);
  ByteVector blob;
  put_little(blob, 0x0101, 8);
  put_little(blob, server_time.value_or(time), 8);
  append(blob, nonce);
  put_little(blob, 0, 4);
  append(blob, challenge->target_info);
  put_little(blob, 0, 4);
  const auto proof = hmac_md5(key, joined(challenge->nonce, blob));
  const auto nt = joined(proof, blob);
  // Section 3.1.5.1.2: with the server's time the LM answer is left empty.
  ByteVector lm(24);
  if (!server_time) lm = joined(hmac_md5(key, joined(challenge->nonce, nonce)), nonce);

  const bool unicode = (challenge->flags & kUnicode) != 0;
  const auto text = [&](const std::string& value) {
    return unicode ? utf16(value) : joined(as_bytes(value), {});
  };
  const std::array<ByteVector, 6> fields{
      lm, nt, text(credentials.domain), text(credentials.user), text("CULVERT"), ByteVector{}};
  ByteVector out;
  append(out, as_bytes(kSignature));
  put_little(out, 3, 4);
  auto at = kAuthenticateHead;
  for (const auto& field : fields) {
    put_little(out, field.size(), 2);
    put_little(out, field.size(), 2);
    put_little(out, at, 4);
    at += field.size();
  }
  put_little(out, (challenge->flags & kOurs & ~kOem) | (unicode ? 0u : kOem), 4);
  for (const auto& field : fields) append(out, field);
  return out;
}

}  // namespace culvert::carrier
