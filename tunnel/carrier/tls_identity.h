// tunnel/carrier/tls_identity.h: what a TLS server shows: a certificate chain and its private key.
#pragma once
#include <string>
#include <string_view>

#include "tunnel/base/random.h"
#include "tunnel/base/result.h"
#include "tunnel/base/time.h"

namespace culvert::carrier {

// PEM text; files are the caller's business.
struct TlsServerIdentity {
  std::string certificate_pem;  // its own first
  std::string key_pem;          // wiped

  // P-256, valid for ten years from the day before `now`. `host` is a DNS name or an address.
  static Result<TlsServerIdentity> self_signed(std::string_view host, UnixTime now, Random& random);

  TlsServerIdentity() = default;
  TlsServerIdentity(std::string certificate, std::string key);
  TlsServerIdentity(const TlsServerIdentity&) = default;
  TlsServerIdentity(TlsServerIdentity&&) noexcept = default;
  TlsServerIdentity& operator=(const TlsServerIdentity&) = delete;
  TlsServerIdentity& operator=(TlsServerIdentity&&) = delete;
  ~TlsServerIdentity();
};

}  // namespace culvert::carrier
