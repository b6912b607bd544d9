#include "service/tls_files.h"

#include "service/service_key.h"
#include "tunnel/base/text_file.h"

namespace culvert::service {
namespace {

Result<std::string> read_file(const std::string& file, std::string_view key) {
  auto text = read_text_file(file);
  if (!text)
    return fail(ErrorCode::kBadInput, "cannot read tls." + std::string(key) + " = " + file + ": " +
                                          text.error().detail +
                                          "; correct the path or the file's permissions");
  return text;
}

Result<carrier::TlsServerIdentity> own_identity(const Config& config, UnixTime now,
                                                Random& random) {
  const auto file = std::filesystem::path(config.state_directory) / "tls.pem";
  if (!std::filesystem::exists(file)) {
    const auto made = carrier::TlsServerIdentity::self_signed(config.domain, now, random);
    if (!made) return fail(made.error());
    const auto created = create_private_file(file, made->key_pem + made->certificate_pem);
    if (!created) return fail(created.error());
  }
  const auto text = read_private_file(file);
  if (!text) return fail(text.error());
  const auto certificate = text->find("-----BEGIN CERTIFICATE-----");
  if (certificate == std::string::npos)
    return fail(ErrorCode::kIo, file.string() + " is damaged; remove it, a new one will be made");
  return carrier::TlsServerIdentity(text->substr(certificate), text->substr(0, certificate));
}

Result<carrier::TlsServerIdentity> configured_identity(const TlsFiles& files) {
  const auto certificate = read_file(files.certificate, "certificate");
  if (!certificate) return fail(certificate.error());
  const auto key = read_file(files.key, "key");
  if (!key) return fail(key.error());
  return carrier::TlsServerIdentity(*certificate, *key);
}

}  // namespace

Result<carrier::TlsServerContext> load_tls(const Config& config, UnixTime now, Random& random) {
  const bool configured = !config.tls.certificate.empty();
  auto identity = configured ? configured_identity(config.tls) : own_identity(config, now, random);
  if (!identity) return fail(identity.error());
  auto context = carrier::TlsServerContext::make(*identity, {}, random);
  if (!context)
    return fail(context.error().code,
                "the TLS certificate or key cannot be used: " + context.error().detail +
                    (configured ? "; check [tls] certificate and key"
                                : "; remove tls.pem from the state directory"));
  return context;
}

}  // namespace culvert::service
