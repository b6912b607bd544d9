// tunnel/carrier/tls_context.h: what the TLS layers of one loop thread share: configuration, trust,
// session tickets. A context must outlive its layers, and serves one thread only.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tunnel/base/random.h"
#include "tunnel/base/result.h"
#include "tunnel/carrier/tls_identity.h"

namespace culvert::carrier {

class TlsClientContext {
 public:
  struct Options {
    std::vector<std::string> alpn;  // most wanted first; none: the extension is not sent
    std::string roots_pem;          // empty: any certificate is accepted (see above)
    // Some of a system's roots are of kinds that the library does not know: then without those.
    bool skip_unreadable_roots = false;
  };
  // `random` must outlive the context.
  static Result<TlsClientContext> make(const Options& options, Random& random);
  TlsClientContext(TlsClientContext&&) noexcept;
  ~TlsClientContext();

 private:
  friend class TlsLayer;
  struct Impl;
  explicit TlsClientContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class TlsServerContext {
 public:
  // A client that offers ALPN must offer one of `alpn`, unless that is empty.
  static Result<TlsServerContext> make(const TlsServerIdentity& identity,
                                       const std::vector<std::string>& alpn, Random& random);
  ByteVector fingerprint() const;  // SHA-256 of the certificate
  TlsServerContext(TlsServerContext&&) noexcept;
  ~TlsServerContext();

 private:
  friend class TlsLayer;
  struct Impl;
  explicit TlsServerContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace culvert::carrier
