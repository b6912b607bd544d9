#include "tunnel/carrier/tls_alert.h"

#include <algorithm>
#include <iterator>

namespace culvert::carrier {
namespace {

struct Name {
  std::uint8_t alert;
  const char* text;
};

// RFC 5246 section 7.2; RFC 6066, RFC 7301 and RFC 7507 for the last ones.
constexpr Name kNames[] = {
    {0, "close_notify"},
    {10, "unexpected_message"},
    {20, "bad_record_mac"},
    {22, "record_overflow"},
    {40, "handshake_failure"},
    {42, "bad_certificate"},
    {43, "unsupported_certificate"},
    {44, "certificate_revoked"},
    {45, "certificate_expired"},
    {46, "certificate_unknown"},
    {47, "illegal_parameter"},
    {48, "unknown_ca"},
    {49, "access_denied"},
    {50, "decode_error"},
    {51, "decrypt_error"},
    {70, "protocol_version"},
    {71, "insufficient_security"},
    {80, "internal_error"},
    {86, "inappropriate_fallback"},
    {90, "user_canceled"},
    {100, "no_renegotiation"},
    {110, "unsupported_extension"},
    {112, "unrecognized_name"},
    {120, "no_application_protocol"},
};

}  // namespace

std::string describe(std::uint8_t alert) {
  const auto* found = std::ranges::find(kNames, alert, &Name::alert);
  const std::string name = found == std::end(kNames) ? "an unknown alert" : found->text;
  return name + " (" + std::to_string(alert) + ")";
}

}  // namespace culvert::carrier
