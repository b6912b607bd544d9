// tunnel/carrier/digest_login.h: HTTP Digest (RFC 7616) as the one who is asked: MD5 and SHA-256,
// each with -sess, qop auth or (RFC 2069) none.
#pragma once
#include <optional>
#include <string>

#include "tunnel/base/random.h"
#include "tunnel/carrier/http_challenge.h"
#include "tunnel/carrier/proxy.h"

namespace culvert::carrier {

class DigestLogin {
 public:
  // Nothing if it wants what is not known here (another algorithm, qop auth-int alone).
  static std::optional<DigestLogin> make(const HttpChallenge& challenge);
  bool is_stronger_than(const DigestLogin& other) const { return sha256_ && !other.sha256_; }

  // The value of the field, for this request; each call counts (nc) under the same nonce.
  std::string authorization(const ProxyCredentials& credentials, std::string_view method,
                            std::string_view uri, Random& random);
  std::string authorization(const ProxyCredentials& credentials, std::string_view method,
                            std::string_view uri, const std::string& cnonce);  // for its test

 private:
  std::string hash(const std::string& text) const;

  std::string realm_, nonce_, opaque_, algorithm_;
  bool sha256_ = false, session_ = false, qop_ = false, has_opaque_ = false;
  std::uint32_t count_ = 0;
};

}  // namespace culvert::carrier
