#include "tunnel/crypto/name_certificate.h"

#include <algorithm>
#include <ctime>
#include <limits>

#include "tunnel/base/byte_codec.h"

namespace culvert::crypto {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kMaxName = 253;  // RFC 1035 section 2.3.4, as text
constexpr std::size_t kMaxLabel = 63;
constexpr std::uint64_t kMaxTime = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kSignatureSize = std::tuple_size_v<Signature>;

bool is_label(std::string_view label) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !label.empty() && label.size() <= kMaxLabel && label.front() != '-' &&
         label.back() != '-' && std::ranges::all_of(label, allowed);
}

bool is_qualified_name(std::string_view name) {
  if (name.size() > kMaxName || name.find('.') == std::string_view::npos) return false;
  for (;;) {
    const auto dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

bool is_acceptable(const NameCertificate& certificate) {
  return is_qualified_name(certificate.name) &&
         certificate.not_before.time_since_epoch().count() >= 0 &&
         certificate.not_before <= certificate.not_after;
}

ByteVector with_domain(Bytes body) {
  ByteVector message;
  append(message, as_bytes(NameCertificate::kSigningDomain));
  append(message, body);
  return message;
}

std::string as_utc(UnixTime time) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const auto length = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return {text, length};
}

tl::unexpected<Error> malformed() {
  return fail(ErrorCode::kProtocol,
              "name certificate is malformed: enroll this endpoint again, or update Culvert");
}

}  // namespace

Result<ByteVector> NameCertificate::sign(const SigningKeyPair& service) const {
  if (!is_qualified_name(name))
    return fail(ErrorCode::kBadInput,
                "'" + name +
                    "' cannot be a virtual name: it needs two or more labels of a-z, 0-9 and '-', "
                    "at most 253 characters");
  if (!is_acceptable(*this))
    return fail(ErrorCode::kBadInput,
                "a name certificate must not end before it begins: check the validity period");
  ByteVector out;
  Writer writer(out);
  writer.u8(kVersion);
  writer.text16(name);
  writer.bytes(key.view());
  writer.u64(to_unix_nanoseconds(not_before));
  writer.u64(to_unix_nanoseconds(not_after));
  writer.u64(serial);
  writer.bytes(service.sign(with_domain(out)));
  return out;
}

Result<NameCertificate> NameCertificate::decode_unverified(Bytes encoded) {
  if (encoded.size() > kMaxSize) return malformed();
  Reader reader(encoded);
  if (reader.u8() != kVersion) return malformed();
  NameCertificate certificate;
  certificate.name = reader.text16();
  certificate.key = PublicKey{reader.array<32>()};
  const auto not_before = reader.u64();
  const auto not_after = reader.u64();
  certificate.serial = reader.u64();
  reader.take(kSignatureSize);
  if (!reader.done() || not_before > kMaxTime || not_after > kMaxTime) return malformed();
  certificate.not_before = from_unix_nanoseconds(not_before);
  certificate.not_after = from_unix_nanoseconds(not_after);
  if (!is_acceptable(certificate)) return malformed();
  return certificate;
}

Result<NameCertificate> NameCertificate::verify(Bytes encoded, const SignaturePublicKey& service,
                                                UnixTime now) {
  auto certificate = decode_unverified(encoded);
  if (!certificate) return certificate;
  Signature signature;
  std::ranges::copy(encoded.last(kSignatureSize), signature.begin());
  if (!is_signed_by(service, with_domain(encoded.first(encoded.size() - kSignatureSize)),
                    signature))
    return fail(ErrorCode::kAuthentication,
                "name certificate for '" + certificate->name +
                    "' has a wrong signature: it is from another service, or forged");
  if (now < certificate->not_before)
    return fail(ErrorCode::kAuthentication, "name certificate for '" + certificate->name +
                                                "' is not yet valid (begins " +
                                                as_utc(certificate->not_before) + ", it is " +
                                                as_utc(now) + " here): check the clock");
  if (now > certificate->not_after)
    return fail(ErrorCode::kAuthentication, "name certificate for '" + certificate->name +
                                                "' expired on " + as_utc(certificate->not_after) +
                                                ": its endpoint must enroll again");
  return certificate;
}

}  // namespace culvert::crypto
