#include "tunnel/quic/psk_tls.h"

#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#include <cstring>

namespace culvert::quic {
namespace {

constexpr const char* kWho = "culvert";  // the identity: there is one key, whose name is known
constexpr const char* kPriorities =
    "NONE:+VERS-TLS1.3:+ECDHE-PSK:+AES-128-GCM:+CHACHA20-POLY1305:+AEAD:+GROUP-X25519:+SIGN-ALL:"
    "+COMP-NULL:%DISABLE_TLS13_COMPAT_MODE";

}  // namespace

int PskTls::set_client_key(const Secret<32>& key) {
  if (const int error = gnutls_psk_allocate_client_credentials(&client_); error != 0) return error;
  auto copy = key;  // not const in the library's interface; it makes a copy of its own
  const gnutls_datum_t datum{copy.data(), 32};
  if (const int error =
          gnutls_psk_set_client_credentials(client_, kWho, &datum, GNUTLS_PSK_KEY_RAW);
      error != 0)
    return error;
  return gnutls_credentials_set(session_, GNUTLS_CRD_PSK, client_);
}

int PskTls::set_server_key(const Secret<32>& key) {
  if (const int error = gnutls_psk_allocate_server_credentials(&server_); error != 0) return error;
  gnutls_db_set_ptr(session_, const_cast<std::uint8_t*>(key.data()));
  gnutls_psk_set_server_credentials_function(
      server_, [](gnutls_session_t session, const char* who, gnutls_datum_t* out) {
        if (std::strcmp(who, kWho) != 0) return -1;
        out->data = static_cast<unsigned char*>(gnutls_malloc(32));
        if (out->data == nullptr) return -1;
        out->size = 32;
        std::memcpy(out->data, gnutls_db_get_ptr(session), 32);
        return 0;
      });
  return gnutls_credentials_set(session_, GNUTLS_CRD_PSK, server_);
}

Result<std::unique_ptr<PskTls>> PskTls::make(bool client, const Secret<32>& key,
                                             ngtcp2_crypto_conn_ref& connection) {
  std::unique_ptr<PskTls> tls(new PskTls);
  const unsigned flags = client ? GNUTLS_CLIENT | GNUTLS_NO_END_OF_EARLY_DATA
                                : GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET;
  int error = gnutls_init(&tls->session_, flags);
  if (error == 0) error = gnutls_priority_set_direct(tls->session_, kPriorities, nullptr);
  if (error == 0)
    error = client ? ngtcp2_crypto_gnutls_configure_client_session(tls->session_)
                   : ngtcp2_crypto_gnutls_configure_server_session(tls->session_);
  if (error == 0) error = client ? tls->set_client_key(key) : tls->set_server_key(key);
  if (error != 0)
    return fail(ErrorCode::kIo, std::string{"GnuTLS does not do TLS 1.3 with a shared key: "} +
                                    gnutls_strerror(error) +
                                    "; see whether /etc/gnutls/config forbids it");
  gnutls_session_set_ptr(tls->session_, &connection);
  return tls;
}

PskTls::~PskTls() {
  if (session_ != nullptr) gnutls_deinit(session_);
  if (client_ != nullptr) gnutls_psk_free_client_credentials(client_);
  if (server_ != nullptr) gnutls_psk_free_server_credentials(server_);
}

}  // namespace culvert::quic
