// service/certificate_issue.h: makes name certificates, for whoever has judged that they are due.
#pragma once
#include "service/login.h"

namespace culvert::service {

struct IssuedCertificate {
  ByteVector encoded;
  UnixTime not_after;
};

// For the principal's name and key, for `life` from now on. kBadInput as NameCertificate::sign().
Result<IssuedCertificate> issue_certificate(const crypto::SigningKeyPair& signing,
                                            const Principal& principal, std::uint64_t serial,
                                            UnixTime now, Duration life);

}  // namespace culvert::service
