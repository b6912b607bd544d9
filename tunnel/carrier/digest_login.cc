#include "tunnel/carrier/digest_login.h"

#include <array>
#include <cstdio>

#include "tunnel/carrier/digests.h"

namespace culvert::carrier {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string upper(std::string_view text) {
  std::string out;
  for (const char c : text) out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return out;
}

bool offers_auth(std::string_view list) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    auto word = list.substr(0, comma);
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    if (upper(word) == "AUTH") return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

}  // namespace

std::optional<DigestLogin> DigestLogin::make(const HttpChallenge& challenge) {
  DigestLogin login;
  login.realm_ = challenge.get("realm");
  login.nonce_ = challenge.get("nonce");
  login.opaque_ = challenge.get("opaque");
  login.has_opaque_ = !login.opaque_.empty();
  login.algorithm_ = challenge.get("algorithm");
  const auto algorithm = upper(login.algorithm_);
  login.session_ = algorithm.ends_with("-SESS");
  login.sha256_ = algorithm.starts_with("SHA-256");
  const bool known = algorithm.empty() || algorithm == "MD5" || algorithm == "MD5-SESS" ||
                     algorithm == "SHA-256" || algorithm == "SHA-256-SESS";
  const auto qop = challenge.get("qop");
  login.qop_ = !qop.empty();
  if (!known || login.nonce_.empty() || (login.qop_ && !offers_auth(qop))) return std::nullopt;
  return login;
}

std::string DigestLogin::hash(const std::string& text) const {
  if (sha256_) return to_hex(sha256(as_bytes(text)));
  return to_hex(md5(as_bytes(text)));
}

std::string DigestLogin::authorization(const ProxyCredentials& credentials, std::string_view method,
                                       std::string_view uri, Random& random) {
  std::array<std::byte, 16> cnonce;
  random.fill(cnonce);
  return authorization(credentials, method, uri, to_hex(cnonce));
}

std::string DigestLogin::authorization(const ProxyCredentials& credentials, std::string_view method,
                                       std::string_view uri, const std::string& cnonce) {
  const auto user = credentials.login();
  auto secret = hash(user + ":" + realm_ + ":" + credentials.password);
  if (session_) secret = hash(secret + ":" + nonce_ + ":" + cnonce);
  const auto request = hash(std::string(method) + ":" + std::string(uri));
  char count[9];
  std::snprintf(count, sizeof count, "%08x", ++count_);
  const auto between = qop_ ? std::string(count) + ":" + cnonce + ":auth:" : std::string{};
  const auto response = hash(secret + ":" + nonce_ + ":" + between + request);
  auto out = "Digest username=" + quoted(user) + ", realm=" + quoted(realm_) +
             ", nonce=" + quoted(nonce_) + ", uri=" + quoted(uri) + ", response=\"" + response +
             "\"";
  if (!algorithm_.empty()) out += ", algorithm=" + algorithm_;
  if (has_opaque_) out += ", opaque=" + quoted(opaque_);
  if (qop_) out += ", qop=auth, nc=" + std::string(count) + ", cnonce=\"" + cnonce + "\"";
  return out;
}

}  // namespace culvert::carrier
