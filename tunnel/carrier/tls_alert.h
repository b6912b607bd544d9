// tunnel/carrier/tls_alert.h: the alerts of TLS 1.2 (RFC 5246 section 7.2) that we send, and the
// names of all that a peer may send.
#pragma once
#include <cstdint>
#include <string>

namespace culvert::carrier {

enum class TlsAlertLevel : std::uint8_t { kWarning = 1, kFatal = 2 };

enum class TlsAlert : std::uint8_t {
  kCloseNotify = 0,
  kUnexpectedMessage = 10,
  kBadRecordMac = 20,
  kRecordOverflow = 22,
  kDecodeError = 50,
  kProtocolVersion = 70,
  kInternalError = 80,
  kNoRenegotiation = 100,
};

std::string describe(std::uint8_t alert);  // "bad_record_mac (20)"

}  // namespace culvert::carrier
