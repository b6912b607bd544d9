#include "tunnel/carrier/tls_context.h"

#include <sodium.h>

#include "tunnel/carrier/tls_handover.h"
#include "tunnel/carrier/tls_library.h"
#include "tunnel/crypto/aead.h"

namespace culvert::carrier {
namespace {

constexpr std::size_t kRememberedSessions = 32;       // per client context, 1 to 4 KB each
constexpr std::uint32_t kTicketLifetime = 24 * 3600;  // seconds; the key is changed as often

// Fastest first, which a carrier may choose: what is secret is sealed inside. With records of our
// own AES-128-GCM 11.2, AES-256-GCM 9.7, ChaCha20 3.7 GB/s; without intel-ipsec-mb 0.26 (the
// library's), 1.8, 1.5. The library itself: ChaCha20 0.35, AES-GCM 0.26 even with AES-NI. (All
// measured on Zen 4.)
#define CULVERT_AES128 \
  MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
#define CULVERT_AES256 \
  MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
#define CULVERT_CHACHA20                                 \
  MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, \
      MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256

const int* suites() {
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
  static constexpr int kLibrary[] = {MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
                                     MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
                                     MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
                                     CULVERT_CHACHA20,
                                     CULVERT_AES128,
                                     CULVERT_AES256,
                                     0};
  return kLibrary;
#else
  static constexpr int kAnyAes[] = {CULVERT_AES128, CULVERT_AES256, CULVERT_CHACHA20, 0};
  static constexpr int kAes256[] = {CULVERT_AES256, CULVERT_CHACHA20, CULVERT_AES128, 0};
  static constexpr int kNoAes[] = {CULVERT_CHACHA20, CULVERT_AES128, CULVERT_AES256, 0};
  if (crypto::supports_aes128_gcm()) return kAnyAes;
  return crypto::hardware_aes() ? kAes256 : kNoAes;
#endif
}

// The library's own order prefers the largest curves: 16-19 ms a handshake against 7 (measured).
#if MBEDTLS_VERSION_NUMBER >= 0x03010000
constexpr std::uint16_t kGroups[] = {
    MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
#else
constexpr mbedtls_ecp_group_id kGroups[] = {MBEDTLS_ECP_DP_CURVE25519, MBEDTLS_ECP_DP_SECP256R1,
                                            MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_NONE};
#endif

}  // namespace

namespace tls {

Result<void> Setup::prepare(int role, const std::vector<std::string>& protocols) {
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
  if (psa_crypto_init() != PSA_SUCCESS) return fail(ErrorCode::kIo, "mbedTLS cannot start");
#endif
  if (const int code = mbedtls_ssl_config_defaults(&config, role, MBEDTLS_SSL_TRANSPORT_STREAM,
                                                   MBEDTLS_SSL_PRESET_DEFAULT))
    return fail(ErrorCode::kIo, "mbedTLS cannot be configured: " + reason(code));
  mbedtls_ssl_conf_rng(&config, draw, &random);
#if MBEDTLS_VERSION_NUMBER >= 0x03020000
  mbedtls_ssl_conf_min_tls_version(&config, MBEDTLS_SSL_VERSION_TLS1_2);
#else
  mbedtls_ssl_conf_min_version(&config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
#endif
#if MBEDTLS_VERSION_NUMBER >= 0x03010000
  mbedtls_ssl_conf_groups(&config, kGroups);
#else
  mbedtls_ssl_conf_curves(&config, kGroups);
#endif
#if defined(MBEDTLS_SSL_RENEGOTIATION)
  mbedtls_ssl_conf_renegotiation(&config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
#endif
  mbedtls_ssl_conf_ciphersuites(&config, suites());
  export_keys_of(*this);
  alpn = protocols;
  if (alpn.empty()) return {};
  for (const auto& protocol : alpn) alpn_pointers.push_back(protocol.c_str());
  alpn_pointers.push_back(nullptr);
  if (mbedtls_ssl_conf_alpn_protocols(&config, alpn_pointers.data()) != 0)
    return fail(ErrorCode::kBadInput, "an ALPN protocol name must have 1 to 255 characters");
  return {};
}

}  // namespace tls

void TlsClientContext::Impl::remember(const std::string& server_name,
                                      const mbedtls_ssl_context& connection) {
  auto session = std::make_unique<tls::Session>();
  if (mbedtls_ssl_get_session(&connection, session.get()) != 0) return;
  if (sessions.size() >= kRememberedSessions && !sessions.contains(server_name))
    sessions.erase(sessions.begin());
  sessions[server_name] = std::move(session);
}

TlsClientContext::TlsClientContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsClientContext::TlsClientContext(TlsClientContext&&) noexcept = default;
TlsClientContext::~TlsClientContext() = default;

Result<TlsClientContext> TlsClientContext::make(const Options& options, Random& random) {
  auto impl = std::make_unique<Impl>(random);
  CULVERT_RETURN_IF_ERROR(impl->prepare(MBEDTLS_SSL_IS_CLIENT, options.alpn));
  mbedtls_ssl_conf_session_tickets(&impl->config, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
#if MBEDTLS_VERSION_NUMBER >= 0x03060100 && defined(MBEDTLS_SSL_PROTO_TLS1_3)
  mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
      &impl->config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
  if (options.roots_pem.empty()) {
    // 3.x does not accept VERIFY_NONE under TLS 1.3; OPTIONAL verifies and goes on regardless.
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    mbedtls_ssl_conf_authmode(&impl->config, MBEDTLS_SSL_VERIFY_OPTIONAL);
#else
    mbedtls_ssl_conf_authmode(&impl->config, MBEDTLS_SSL_VERIFY_NONE);
#endif
  } else {
    const int code = mbedtls_x509_crt_parse(&impl->roots, tls::pem(options.roots_pem),
                                            options.roots_pem.size() + 1);
    if (code < 0 || (code > 0 && !options.skip_unreadable_roots))
      return fail(
          ErrorCode::kBadInput,
          "TLS root certificates cannot be read as PEM: " +
              (code > 0 ? std::to_string(code) + " of them are damaged" : tls::reason(code)));
    mbedtls_ssl_conf_ca_chain(&impl->config, &impl->roots, nullptr);
    mbedtls_ssl_conf_authmode(&impl->config, MBEDTLS_SSL_VERIFY_REQUIRED);
    impl->verifies = true;
  }
  return TlsClientContext(std::move(impl));
}

TlsServerContext::TlsServerContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsServerContext::TlsServerContext(TlsServerContext&&) noexcept = default;
TlsServerContext::~TlsServerContext() = default;

ByteVector TlsServerContext::fingerprint() const {
  ByteVector digest(crypto_hash_sha256_BYTES);
  crypto_hash_sha256(as_u8(MutableBytes{digest}), impl_->chain.raw.p, impl_->chain.raw.len);
  return digest;
}

Result<TlsServerContext> TlsServerContext::make(const TlsServerIdentity& identity,
                                                const std::vector<std::string>& alpn,
                                                Random& random) {
  auto impl = std::make_unique<Impl>(random);
  CULVERT_RETURN_IF_ERROR(impl->prepare(MBEDTLS_SSL_IS_SERVER, alpn));
  if (const int code = mbedtls_x509_crt_parse(&impl->chain, tls::pem(identity.certificate_pem),
                                              identity.certificate_pem.size() + 1))
    return fail(
        ErrorCode::kBadInput,
        "TLS certificate cannot be read as PEM: " +
            (code > 0 ? std::to_string(code) + " of the chain are damaged" : tls::reason(code)));
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
  int code = mbedtls_pk_parse_key(&impl->key, tls::pem(identity.key_pem),
                                  identity.key_pem.size() + 1, nullptr, 0, tls::draw, &random);
#else
  int code = mbedtls_pk_parse_key(&impl->key, tls::pem(identity.key_pem),
                                  identity.key_pem.size() + 1, nullptr, 0);
#endif
  if (code != 0)
    return fail(ErrorCode::kBadInput,
                "TLS private key cannot be read as unencrypted PEM: " + tls::reason(code));
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
  code = mbedtls_pk_check_pair(&impl->chain.pk, &impl->key, tls::draw, &random);
#else
  code = mbedtls_pk_check_pair(&impl->chain.pk, &impl->key);
#endif
  if (code != 0)
    return fail(ErrorCode::kBadInput,
                "TLS private key does not belong to the first certificate of the chain");
  code = mbedtls_ssl_conf_own_cert(&impl->config, &impl->chain, &impl->key);
  if (code == 0)
    code = mbedtls_ssl_ticket_setup(&impl->tickets, tls::draw, &random, MBEDTLS_CIPHER_AES_256_GCM,
                                    kTicketLifetime);
  if (code != 0) return fail(ErrorCode::kIo, "TLS server cannot be set up: " + tls::reason(code));
  mbedtls_ssl_conf_session_tickets_cb(&impl->config, mbedtls_ssl_ticket_write,
                                      mbedtls_ssl_ticket_parse, &impl->tickets);
  return TlsServerContext(std::move(impl));
}

}  // namespace culvert::carrier
