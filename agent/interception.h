// agent/interception.h: who ends the TLS that is meant for the service. That is harmless, since the
// session inside is sealed by itself, and worth knowing: such a network reads what other programs
// say in TLS.
#pragma once
#include <string>

#include "tunnel/base/bytes.h"
#include "tunnel/carrier/way.h"

namespace culvert::agent {

// `told`: the fingerprint of its certificate that the service sent inside the session; empty: none.
// Gives "CN=service.example.net, issued by CN=..." of the certificate that was shown instead, or
// nothing. A web server before the service that has a certificate of its own is told alike.
inline std::string interception(const carrier::Way& way, const ByteVector& told) {
  if (way.notes == nullptr || !way.notes->shown || told.empty()) return {};
  const auto& shown = *way.notes->shown;
  if (shown.fingerprint == to_hex(told)) return {};
  return shown.subject + ", issued by " + shown.issuer;
}

}  // namespace culvert::agent
