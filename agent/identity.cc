#include "agent/identity.h"

#include <filesystem>
#include <map>

#include "agent/state_file.h"
#include "resolver/virtual_name.h"

namespace culvert::agent {
namespace {

constexpr std::string_view kFirstLine = "culvert-identity 1";
constexpr std::size_t kMaxFields = 16;
constexpr std::size_t kMostIdentity = 4096;  // octets; names have 253 at most

using Fields = std::map<std::string, std::string, std::less<>>;

tl::unexpected<Error> malformed(const std::string& what) {
  return fail(ErrorCode::kBadInput, "not a usable identity: " + what +
                                        "; enrol again with a new invitation (culvert enroll "
                                        "--replace)");
}

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

Result<Fields> split(std::string_view text) {
  if (take_line(text) != kFirstLine)
    return malformed("the first line is not \"" + std::string(kFirstLine) + "\"");
  Fields fields;
  while (!text.empty()) {
    const auto line = take_line(text);
    if (line.empty()) continue;
    const auto space = line.find(' ');
    if (space == std::string_view::npos || fields.size() >= kMaxFields)
      return malformed("a line is not \"key value\"");
    if (!fields.emplace(line.substr(0, space), line.substr(space + 1)).second)
      return malformed(std::string(line.substr(0, space)) + " is there twice");
  }
  return fields;
}

Result<std::string> field(const Fields& fields, std::string_view key) {
  const auto found = fields.find(key);
  if (found == fields.end()) return malformed(std::string(key) + " is missing");
  return found->second;
}

template <class Key>
Result<void> read_key(const Fields& fields, std::string_view name, Key& out) {
  const auto text = field(fields, name);
  if (!text) return fail(text.error());
  const auto key = Key::parse(*text);
  if (!key) return malformed(std::string(name) + ": " + key.error().detail);
  out = *key;
  return {};
}

Result<void> read_name(const Fields& fields, std::string_view key, std::string& out) {
  const auto text = field(fields, key);
  if (!text) return fail(text.error());
  const auto name = resolver::canonical_name(*text);
  if (!name) return malformed(std::string(key) + ": " + name.error().detail);
  out = *name;
  return {};
}

}  // namespace

std::string encode(const Identity& identity) {
  std::string text(kFirstLine);
  const auto line = [&text](std::string_view key, const std::string& value) {
    text.append("\n").append(key).append(" ").append(value);
  };
  line("name", identity.name);
  line("domain", identity.domain);
  line("service", identity.service.to_string());
  line("service-key", identity.service_key.to_string());
  line("signing-key", identity.signing_key.to_string());
  line("certificate", to_base64url(identity.certificate));
  line("secret-key", to_base64url(identity.key.secret.view()));
  return text + "\n";
}

Result<Identity> decode_identity(std::string_view text) {
  auto split_text = split(text);
  if (!split_text) return fail(split_text.error());
  const Fields& fields = *split_text;
  Identity identity;
  CULVERT_RETURN_IF_ERROR(read_name(fields, "name", identity.name));
  CULVERT_RETURN_IF_ERROR(read_name(fields, "domain", identity.domain));
  CULVERT_RETURN_IF_ERROR(read_key(fields, "service-key", identity.service_key));
  CULVERT_RETURN_IF_ERROR(read_key(fields, "signing-key", identity.signing_key));
  const auto service = field(fields, "service");
  if (!service) return fail(service.error());
  const auto address = HostPort::parse(*service);
  if (!address || address->port == 0) return malformed("service is not host:port");
  identity.service = *address;
  const auto certificate = field(fields, "certificate");
  if (!certificate) return fail(certificate.error());
  identity.certificate = from_base64url(*certificate);
  const auto secret_text = field(fields, "secret-key");
  if (!secret_text) return fail(secret_text.error());
  auto secret = from_base64url(*secret_text);
  if (secret.size() != 32) return malformed("secret-key is not 32 octets");
  identity.key =
      crypto::KeyPair::from_secret(Secret<32>{std::span<const std::byte, 32>{secret.data(), 32}});
  sodium_memzero(secret.data(), secret.size());
  return identity;
}

Result<void> check_identity(const Identity& identity, UnixTime now) {
  const auto certificate =
      crypto::NameCertificate::verify(identity.certificate, identity.signing_key, now);
  if (!certificate)
    return fail(ErrorCode::kAuthentication,
                "our own name certificate is not usable: " + certificate.error().detail +
                    "; if this machine's clock is right, enrol again");
  if (certificate->name != identity.name || certificate->key != identity.key.public_key)
    return fail(ErrorCode::kAuthentication,
                "our name certificate is for another name or key; enrol again");
  return {};
}

Result<Identity> renewed_identity(const Identity& identity, Bytes certificate, UnixTime now) {
  auto renewed = identity;
  renewed.certificate.assign(certificate.begin(), certificate.end());
  CULVERT_RETURN_IF_ERROR(check_identity(renewed, now));
  const auto before = crypto::NameCertificate::decode_unverified(identity.certificate);
  const auto after = crypto::NameCertificate::decode_unverified(certificate);
  if (before && after && after->not_after <= before->not_after)
    return fail(ErrorCode::kAuthentication, "the new name certificate ends no later");
  return renewed;
}

std::string expiry_warning(Bytes certificate, UnixTime now) {
  constexpr Duration kAhead = std::chrono::days{30};
  const auto ours = crypto::NameCertificate::decode_unverified(certificate);
  if (!ours) return {};
  const auto left_after_renewal = (ours->not_after - ours->not_before) / 6;
  if (ours->not_after - now > std::min<Duration>(kAhead, left_after_renewal)) return {};
  const auto left = std::chrono::floor<std::chrono::days>(ours->not_after - now).count();
  return "the name certificate ends in " + std::to_string(left) +
         " days, and with it every session; the service has not renewed it: ask its "
         "administrator, or enrol " +
         ours->name + " again with a new invitation";
}

std::string identity_file(const std::string& state_directory) {
  return state_directory + "/identity";
}

Result<Identity> load_identity(const std::string& state_directory) {
  auto text = read_state_file(identity_file(state_directory), Privacy::kSecret);
  if (!text && text.error().code == ErrorCode::kNameUnknown)
    return fail(ErrorCode::kNameUnknown,
                "this endpoint is not enrolled (no " + identity_file(state_directory) +
                    "); ask whoever runs the service for an invitation and run: culvert enroll < "
                    "TOKEN_FILE");
  if (!text) return fail(text.error());
  auto identity = decode_identity(*text);
  sodium_memzero(text->data(), text->size());
  if (!identity)
    return fail(identity.error().code,
                identity_file(state_directory) + ": " + identity.error().detail);
  return identity;
}

Result<void> try_to_save_identity(const std::string& state_directory) {
  CULVERT_RETURN_IF_ERROR(make_state_directory(state_directory));
  const auto trial = identity_file(state_directory) + ".trial";
  const auto written = write_state_file(trial, std::string(kMostIdentity, '\n'));
  std::error_code ignored;
  std::filesystem::remove(trial, ignored);
  std::filesystem::remove(trial + ".new", ignored);
  if (written) return {};
  return fail(written.error().code,
              "an identity could not be kept here: " + written.error().detail +
                  "; make room, or name another state_directory, and try again: the invitation "
                  "has not been used");
}

Result<void> save_identity(const std::string& state_directory, const Identity& identity) {
  CULVERT_RETURN_IF_ERROR(make_state_directory(state_directory));
  auto text = encode(identity);
  auto written = write_state_file(identity_file(state_directory), text);
  sodium_memzero(text.data(), text.size());
  return written;
}

}  // namespace culvert::agent
