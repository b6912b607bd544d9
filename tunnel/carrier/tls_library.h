// tunnel/carrier/tls_library.h: the one place that includes mbedTLS and knows its versions. Private
// to tls_identity.cc, tls_context.cc, tls_handover.* and tls_layer.cc.
//
// Compiles on 2.28 (Debian 12: TLS 1.2 only) and 3.6 (Debian 13: TLS 1.3). 3.x hides structure
// fields: only what both document as public may be touched.
#pragma once
#include <mbedtls/ecp.h>
#include <mbedtls/error.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#include <psa/crypto.h>
#endif

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tunnel/base/random.h"
#include "tunnel/base/secret.h"
#include "tunnel/carrier/tls_context.h"

namespace culvert::carrier::tls {

// A C structure of mbedTLS with its init and free functions. Its address must not change.
template <class T, void (*Init)(T*), void (*Free)(T*)>
struct Owned : T {
  Owned() { Init(this); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { Free(this); }
};
using Config = Owned<mbedtls_ssl_config, mbedtls_ssl_config_init, mbedtls_ssl_config_free>;
using Context = Owned<mbedtls_ssl_context, mbedtls_ssl_init, mbedtls_ssl_free>;
using Session = Owned<mbedtls_ssl_session, mbedtls_ssl_session_init, mbedtls_ssl_session_free>;
using Certificates = Owned<mbedtls_x509_crt, mbedtls_x509_crt_init, mbedtls_x509_crt_free>;
using Key = Owned<mbedtls_pk_context, mbedtls_pk_init, mbedtls_pk_free>;
using Tickets = Owned<mbedtls_ssl_ticket_context, mbedtls_ssl_ticket_init, mbedtls_ssl_ticket_free>;
using NewCertificate =
    Owned<mbedtls_x509write_cert, mbedtls_x509write_crt_init, mbedtls_x509write_crt_free>;

inline int draw(void* random, unsigned char* out, std::size_t size) {
  static_cast<Random*>(random)->fill({reinterpret_cast<std::byte*>(out), size});
  return 0;
}

inline std::string reason(int code) {
  char text[160] = "";
  mbedtls_strerror(code, text, sizeof text);
  return text;
}

// PEM parsers want the terminating zero to be counted.
inline const unsigned char* pem(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.c_str());
}

inline std::string dn_text(const mbedtls_x509_name& name) {
  char text[256] = "";
  mbedtls_x509_dn_gets(text, sizeof text, &name);
  return text;
}

struct ExportedKeys {
  static constexpr std::size_t kMaxBlock = 2 * (32 + 12);  // two keys, two IVs
  Secret<kMaxBlock> block;
  std::size_t key_size = 0, iv_size = 0;  // key_size 0: nothing was exported
};

struct Setup {  // what both roles configure alike
  explicit Setup(Random& source) : random(source) {}
  Result<void> prepare(int role, const std::vector<std::string>& protocols);

  Random& random;
  Config config;
  ExportedKeys* exporting = nullptr;  // of the layer that is inside the library at the moment
  std::vector<std::string> alpn;
  std::vector<const char*> alpn_pointers;  // null-terminated, borrowed by `config`
};

}  // namespace culvert::carrier::tls

namespace culvert::carrier {

struct TlsClientContext::Impl : tls::Setup {
  using Setup::Setup;
  void remember(const std::string& server_name, const mbedtls_ssl_context& connection);

  tls::Certificates roots;
  bool verifies = false;                                                       // against them
  std::map<std::string, std::unique_ptr<tls::Session>, std::less<>> sessions;  // by server name
};

struct TlsServerContext::Impl : tls::Setup {
  using Setup::Setup;

  tls::Certificates chain;
  tls::Key key;
  tls::Tickets tickets;
};

}  // namespace culvert::carrier
