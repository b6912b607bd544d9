// tunnel/carrier/tls_peer.h: the certificate that a TLS server showed, for telling whoever ends TLS
// in between from the service.
#pragma once
#include <string>

namespace culvert::carrier {

struct TlsPeer {
  std::string fingerprint;  // SHA-256 of the certificate, hexadecimal
  std::string subject;
  std::string issuer;
};

}  // namespace culvert::carrier
