// tunnel/carrier/proxy_login.h: tells an HTTP proxy who asks: picks the strongest scheme of those
// that the proxy offers (Digest, NTLMv2, Basic), and the next one when it is not accepted.
//
// One per way that is gone; it outlives single connections, because some proxies end theirs with
// the 407. Sans-IO. What it returns is a secret: it goes into the request and nowhere else.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tunnel/base/random.h"
#include "tunnel/base/time.h"
#include "tunnel/carrier/digest_login.h"
#include "tunnel/carrier/http_answer.h"

namespace culvert::carrier {

class ProxyLogin {
 public:
  // Without credentials every 407 is an error. `now` is for NTLM, whose answers carry the time.
  ProxyLogin(std::optional<ProxyCredentials> credentials, Random& random, UnixTime now)
      : credentials_(std::move(credentials)), random_(random), now_(now) {}

  // The value of Proxy-Authorization for the next request; empty: send none.
  std::string authorization(std::string_view method, std::string_view target);
  // A request was answered with 407. kAuthentication: there is nothing more to try.
  Result<void> challenged(const HttpAnswer& answer);
  void connection_lost();  // the next request goes out on a new one

 private:
  enum class Scheme : std::uint8_t { kNone, kDigest, kNtlm, kBasic };
  enum class NtlmStep : std::uint8_t { kBegin, kAsked, kAnswered };
  struct Offer {
    bool basic = false, ntlm = false;
    std::optional<DigestLogin> digest;
    bool digest_is_stale = false;
    std::string ntlm_message;
    std::string names;  // of all schemes, for people
  };
  static Offer read(const HttpAnswer& answer);
  Result<void> choose(Offer offer);
  bool may_try(Scheme scheme) const;
  std::string ntlm_authorization();

  std::optional<ProxyCredentials> credentials_;
  Random& random_;
  UnixTime now_;
  Scheme scheme_ = Scheme::kNone;
  std::vector<Scheme> failed_;
  std::optional<DigestLogin> digest_;
  NtlmStep ntlm_step_ = NtlmStep::kBegin;
  ByteVector ntlm_challenge_;
  int challenges_ = 0;
};

}  // namespace culvert::carrier
