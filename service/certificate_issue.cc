#include "service/certificate_issue.h"

#include <algorithm>

namespace culvert::service {

std::uint64_t next_serial(std::uint64_t former, UnixTime now) {
  return std::max(former + 1, to_unix_nanoseconds(now));
}

Result<IssuedCertificate> issue_certificate(const crypto::SigningKeyPair& signing,
                                            const Principal& principal, std::uint64_t serial,
                                            UnixTime now, Duration life) {
  crypto::NameCertificate certificate;
  certificate.name = principal.name;
  certificate.key = principal.key;
  certificate.not_before = now - std::chrono::hours{1};  // clocks differ
  certificate.not_after = now + life;
  certificate.serial = serial;
  auto encoded = certificate.sign(signing);
  if (!encoded) return fail(encoded.error());
  return IssuedCertificate{std::move(*encoded), certificate.not_after};
}

}  // namespace culvert::service
