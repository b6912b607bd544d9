// service/certificate_issue.h: makes name certificates, for whoever has judged that they are due.
#pragma once
#include "service/login.h"

namespace culvert::service {

struct IssuedCertificate {
  ByteVector encoded;
  UnixTime not_after;
};

// Of the certificate that follows one with `former` (0: none is known). Peers refuse a certificate
// whose serial is below one that they have seen, for ever; so it goes by the clock, in case records
// come back from a backup.
std::uint64_t next_serial(std::uint64_t former, UnixTime now);

// For the principal's name and key, for `life` from now on. kBadInput as NameCertificate::sign().
Result<IssuedCertificate> issue_certificate(const crypto::SigningKeyPair& signing,
                                            const Principal& principal, std::uint64_t serial,
                                            UnixTime now, Duration life);

}  // namespace culvert::service
