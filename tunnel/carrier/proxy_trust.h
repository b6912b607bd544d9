// tunnel/carrier/proxy_trust.h: whose certificates are believed where a proxy is spoken to in TLS
// (https://): those of the system's authorities, and of one file more. Unlike the service, which
// proves by itself who it is, a proxy is given passwords, so its certificate has to be right.
//
// The files are read when the first such proxy is dialled, and not again.
#pragma once
#include <optional>
#include <string>

#include "tunnel/carrier/tls_context.h"

namespace culvert::carrier {

class ProxyTrust {
 public:
  static constexpr const char* kSystemRoots = "/etc/ssl/certs/ca-certificates.crt";

  // `more_roots`: a PEM file; empty: none. `random` must outlive it.
  ProxyTrust(std::string more_roots, Random& random)
      : more_roots_(std::move(more_roots)), random_(random) {}

  // kBadInput: a file cannot be read, or there is none at all. It lives as long as this.
  Result<TlsClientContext*> context();

 private:
  std::string more_roots_;
  Random& random_;
  std::optional<TlsClientContext> context_;
};

}  // namespace culvert::carrier
