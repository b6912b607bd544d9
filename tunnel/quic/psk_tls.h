// tunnel/quic/psk_tls.h: the TLS 1.3 handshake of a QUIC connection (RFC 9001) with a key that both
// sides have already (RFC 8446 section 2.2, psk_dhe_ke with X25519): no certificate, no name. No
// ALPN either: that both sides hold this key says which protocol follows (RFC 9001 section 8.1).
//
// Internal to tunnel/quic: nobody else includes this.
#pragma once
#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include <memory>
#include <optional>

#include "tunnel/base/result.h"
#include "tunnel/base/secret.h"

namespace culvert::quic {

class PskTls {
 public:
  // `connection`: what the library finds its connection by; must outlive this. kIo: the library
  // refuses, for lack of memory or by a policy of the system's administrator.
  static Result<std::unique_ptr<PskTls>> make(bool client, const Secret<32>& key,
                                              ngtcp2_crypto_conn_ref& connection);
  ~PskTls();
  PskTls(const PskTls&) = delete;
  PskTls& operator=(const PskTls&) = delete;
  gnutls_session_t session() const { return session_; }

 private:
  PskTls() = default;
  int set_client_key(const Secret<32>& key);
  int set_server_key(const Secret<32>& key);

  gnutls_session_t session_ = nullptr;
  gnutls_psk_client_credentials_t client_ = nullptr;
  gnutls_psk_server_credentials_t server_ = nullptr;
};

}  // namespace culvert::quic
