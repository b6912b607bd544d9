#include "tunnel/carrier/tls_identity.h"

#include <sodium.h>

#include <algorithm>
#include <cctype>
#include <ctime>

#include "tunnel/base/address.h"
#include "tunnel/base/byte_codec.h"
#include "tunnel/carrier/tls_library.h"

namespace culvert::carrier {
namespace {

using tls::reason;

ByteVector der(std::uint8_t tag, Bytes content) {
  ByteVector out;
  Writer writer(out);
  writer.u8(tag);
  const auto size = static_cast<std::uint16_t>(content.size());  // a host name and its wrapping
  if (size >= 256) {  // DER wants the shortest form of the length
    writer.u8(0x82);
    writer.u16(size);
  } else {
    if (size >= 128) writer.u8(0x81);
    writer.u8(static_cast<std::uint8_t>(size));
  }
  writer.bytes(content);
  return out;
}

ByteVector subject_alternative_name(std::string_view host) {  // RFC 5280 section 4.2.1.6
  const auto address = IpAddress::parse(host);
  const auto name = address ? der(0x87, address->wire()) : der(0x82, as_bytes(host));
  return der(0x30, name);
}

std::string x509_time(UnixTime time) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%d%H%M%S", &parts)};
}

bool is_host(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::ranges::all_of(host, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == ':';
  });
}

tl::unexpected<Error> cannot_make(int code) {
  return fail(ErrorCode::kIo, "cannot make a self-signed certificate: " + reason(code));
}

int set_serial(mbedtls_x509write_cert& certificate, Random& random) {
  std::byte serial[16];
  random.fill(serial);
  serial[0] = (serial[0] & std::byte{0x3f}) | std::byte{0x40};  // positive, no leading zero
  auto* raw = as_u8(MutableBytes{serial});
#if MBEDTLS_VERSION_NUMBER >= 0x03040000
  return mbedtls_x509write_crt_set_serial_raw(&certificate, raw, sizeof serial);
#else
  mbedtls_mpi number;
  mbedtls_mpi_init(&number);
  int code = mbedtls_mpi_read_binary(&number, raw, sizeof serial);
  if (code == 0) code = mbedtls_x509write_crt_set_serial(&certificate, &number);
  mbedtls_mpi_free(&number);
  return code;
#endif
}

// The first step that fails ends it, and its code is the answer.
int fill(mbedtls_x509write_cert& certificate, mbedtls_pk_context& key, std::string_view host,
         UnixTime now, Random& random) {
  // A common name has at most 64 characters (RFC 5280 appendix A); the alternative name counts.
  const auto subject = "CN=" + (host.size() <= 64 ? std::string(host) : std::string("culvert"));
  const auto alternative = subject_alternative_name(host);
  constexpr char kSubjectAlternativeName[] = "\x55\x1d\x11";  // OID 2.5.29.17
  mbedtls_x509write_crt_set_version(&certificate, MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_x509write_crt_set_md_alg(&certificate, MBEDTLS_MD_SHA256);
  mbedtls_x509write_crt_set_subject_key(&certificate, &key);
  mbedtls_x509write_crt_set_issuer_key(&certificate, &key);
  int code = set_serial(certificate, random);
  if (code == 0) code = mbedtls_x509write_crt_set_subject_name(&certificate, subject.c_str());
  if (code == 0) code = mbedtls_x509write_crt_set_issuer_name(&certificate, subject.c_str());
  if (code == 0)
    code = mbedtls_x509write_crt_set_validity(&certificate,
                                              x509_time(now - std::chrono::days(1)).c_str(),
                                              x509_time(now + std::chrono::days(3652)).c_str());
  if (code == 0) code = mbedtls_x509write_crt_set_basic_constraints(&certificate, 0, -1);
  if (code == 0)
    code = mbedtls_x509write_crt_set_extension(&certificate, kSubjectAlternativeName,
                                               sizeof kSubjectAlternativeName - 1, 0,
                                               as_u8(Bytes{alternative}), alternative.size());
  return code;
}

}  // namespace

TlsServerIdentity::TlsServerIdentity(std::string certificate, std::string key)
    : certificate_pem(std::move(certificate)), key_pem(std::move(key)) {}

TlsServerIdentity::~TlsServerIdentity() { sodium_memzero(key_pem.data(), key_pem.size()); }

Result<TlsServerIdentity> TlsServerIdentity::self_signed(std::string_view host, UnixTime now,
                                                         Random& random) {
  if (!is_host(host))
    return fail(ErrorCode::kBadInput, "'" + std::string(host) +
                                          "' cannot be in a certificate: it is neither a host "
                                          "name nor an address");
  tls::Key key;
  int code = mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
  if (code == 0)
    code = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), tls::draw, &random);
  if (code != 0) return cannot_make(code);
  tls::NewCertificate certificate;
  code = fill(certificate, key, host, now, random);
  if (code != 0) return cannot_make(code);

  std::string certificate_pem(4096, '\0');
  code = mbedtls_x509write_crt_pem(&certificate,
                                   reinterpret_cast<unsigned char*>(certificate_pem.data()),
                                   certificate_pem.size(), tls::draw, &random);
  if (code != 0) return cannot_make(code);
  TlsServerIdentity identity(certificate_pem.c_str(), std::string(1024, '\0'));
  code = mbedtls_pk_write_key_pem(&key, reinterpret_cast<unsigned char*>(identity.key_pem.data()),
                                  identity.key_pem.size());
  if (code != 0) return cannot_make(code);
  identity.key_pem.resize(identity.key_pem.find('\0'));
  return identity;
}

}  // namespace culvert::carrier
