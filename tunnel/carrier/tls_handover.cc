#include "tunnel/carrier/tls_handover.h"

#include <cstring>

#include "tunnel/base/byte_codec.h"

namespace culvert::carrier::tls {

#if CULVERT_TLS_HANDS_OVER

namespace {

std::optional<TlsCipher> cipher_of(int suite) {
  switch (suite) {
    case MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:
    case MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: return TlsCipher::kAes128Gcm;
    case MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:
    case MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: return TlsCipher::kAes256Gcm;
    case MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
    case MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: return TlsCipher::kChaCha20Poly1305;
    default: return std::nullopt;
  }
}

std::uint64_t number(const unsigned char* counter) {
  return load_be<std::uint64_t>(reinterpret_cast<const std::byte*>(counter));
}

int keep_keys(void* self, const unsigned char* /*master*/, const unsigned char* block,
              std::size_t mac_size, std::size_t key_size, std::size_t iv_size,
              const unsigned char* /*client_random*/, const unsigned char* /*server_random*/,
              mbedtls_tls_prf_types /*prf*/) {
  auto* keys = static_cast<Setup*>(self)->exporting;
  const auto size = 2 * (key_size + iv_size);
  if (keys == nullptr || mac_size != 0 || size > ExportedKeys::kMaxBlock) return 0;
  std::memcpy(keys->block.data(), block, size);
  keys->key_size = key_size;
  keys->iv_size = iv_size;
  return 0;
}

}  // namespace

void export_keys_of(Setup& setup) {
  mbedtls_ssl_conf_export_keys_ext_cb(&setup.config, keep_keys, &setup);
}

std::optional<TlsTraffic::Start> hand_over(const Context& connection, TlsTraffic::Role role,
                                           const ExportedKeys& keys) {
  const auto cipher =
      cipher_of(mbedtls_ssl_get_ciphersuite_id(mbedtls_ssl_get_ciphersuite(&connection)));
  // A peer that packs more into the record of its Finished is rather strange; the library copes.
  if (!cipher || keys.key_size == 0 || mbedtls_ssl_check_pending(&connection) != 0)
    return std::nullopt;
  const int room = mbedtls_ssl_get_max_out_record_payload(&connection);
  if (room <= 0) return std::nullopt;
  // RFC 5246 section 6.3: client key, server key, client IV, server IV.
  const auto key = [&](std::size_t which) {
    return Bytes{keys.block.view()}.subspan(which * keys.key_size, keys.key_size);
  };
  const auto iv = [&](std::size_t which) {
    return Bytes{keys.block.view()}.subspan(2 * keys.key_size + which * keys.iv_size, keys.iv_size);
  };
  const std::size_t mine = role == TlsTraffic::Role::kClient ? 0 : 1, theirs = 1 - mine;
  auto sending = TlsRecordKey::make(*cipher, key(mine), iv(mine), number(connection.cur_out_ctr));
  auto receiving = TlsRecordKey::make(*cipher, key(theirs), iv(theirs), number(connection.in_ctr));
  if (!sending || !receiving) return std::nullopt;
  return TlsTraffic::Start{role, *std::move(sending), *std::move(receiving),
                           static_cast<std::size_t>(room)};
}

#else

void export_keys_of(Setup&) {}

std::optional<TlsTraffic::Start> hand_over(const Context&, TlsTraffic::Role, const ExportedKeys&) {
  return std::nullopt;
}

#endif

}  // namespace culvert::carrier::tls
