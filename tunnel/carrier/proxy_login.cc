#include "tunnel/carrier/proxy_login.h"

#include <algorithm>

#include "tunnel/carrier/digests.h"
#include "tunnel/carrier/ntlm.h"
#include "tunnel/carrier/opening_layer.h"

namespace culvert::carrier {
namespace {

constexpr int kMostChallenges = 8;  // of one login: more is a loop

}  // namespace

std::string ProxyLogin::authorization(std::string_view method, std::string_view target) {
  switch (scheme_) {
    case Scheme::kNone: return {};
    case Scheme::kBasic:
      return "Basic " + to_base64(as_bytes(credentials_->login() + ":" + credentials_->password));
    case Scheme::kDigest: return digest_->authorization(*credentials_, method, target, random_);
    case Scheme::kNtlm: return ntlm_authorization();
  }
  return {};
}

std::string ProxyLogin::ntlm_authorization() {
  if (ntlm_step_ == NtlmStep::kBegin) {
    ntlm_step_ = NtlmStep::kAsked;
    return "NTLM " + to_base64(ntlm_negotiate());
  }
  ntlm_step_ = NtlmStep::kAnswered;
  NtlmNonce nonce;
  random_.fill(nonce);
  const auto message = ntlm_authenticate(ntlm_challenge_, *credentials_, nonce, ntlm_time(now_));
  return message ? "NTLM " + to_base64(*message) : std::string{};
}

ProxyLogin::Offer ProxyLogin::read(const HttpAnswer& answer) {
  Offer offer;
  for (const auto& challenge : parse_challenges(answer.all("proxy-authenticate"))) {
    offer.names += (offer.names.empty() ? "" : ", ") + printable(challenge.scheme);
    if (challenge.scheme == "basic") offer.basic = true;
    if (challenge.scheme == "ntlm") {
      offer.ntlm = true;
      offer.ntlm_message = challenge.token68;
    }
    if (challenge.scheme != "digest") continue;
    const auto digest = DigestLogin::make(challenge);
    if (!digest || (offer.digest && !digest->is_stronger_than(*offer.digest))) continue;
    offer.digest = digest;
    offer.digest_is_stale = challenge.get("stale") == "true" || challenge.get("stale") == "TRUE";
  }
  return offer;
}

Result<void> ProxyLogin::challenged(const HttpAnswer& answer) {
  if (!credentials_)
    return fail(ErrorCode::kAuthentication,
                "the proxy wants to know who asks (" + answer.status_line() +
                    "); write user and password into its URL in the configuration");
  if (++challenges_ > kMostChallenges)
    return fail(ErrorCode::kAuthentication, "the proxy asks who is there again and again");
  auto offer = read(answer);
  if (scheme_ == Scheme::kNtlm && ntlm_step_ == NtlmStep::kAsked && !offer.ntlm_message.empty()) {
    ntlm_challenge_ = from_base64(offer.ntlm_message);
    NtlmNonce probe{};  // a broken challenge is found here, where it can be told
    const auto usable = ntlm_authenticate(ntlm_challenge_, *credentials_, probe, ntlm_time(now_));
    if (usable) return {};
  }
  // RFC 7616 section 3.3: the password was good, only its nonce too old.
  if (scheme_ == Scheme::kDigest && offer.digest && offer.digest_is_stale) {
    digest_ = offer.digest;
    return {};
  }
  if (scheme_ != Scheme::kNone) failed_.push_back(std::exchange(scheme_, Scheme::kNone));
  return choose(std::move(offer));
}

bool ProxyLogin::may_try(Scheme scheme) const {
  return std::ranges::find(failed_, scheme) == failed_.end();
}

Result<void> ProxyLogin::choose(Offer offer) {
  if (offer.digest && may_try(Scheme::kDigest)) {
    scheme_ = Scheme::kDigest;
    digest_ = std::move(offer.digest);
  } else if (offer.ntlm && may_try(Scheme::kNtlm)) {
    scheme_ = Scheme::kNtlm;
    ntlm_step_ = NtlmStep::kBegin;
  } else if (offer.basic && may_try(Scheme::kBasic)) {
    scheme_ = Scheme::kBasic;
  } else if (failed_.empty()) {
    return fail(ErrorCode::kAuthentication,
                "the proxy wants a login of a kind that is not known "
                "here; it offers: " +
                    offer.names);
  } else {
    return fail(ErrorCode::kAuthentication,
                "the proxy does not accept the user or password of its URL (it offers: " +
                    offer.names + ")");
  }
  return {};
}

void ProxyLogin::connection_lost() {
  // NTLM is a conversation of one connection.
  if (scheme_ == Scheme::kNtlm) ntlm_step_ = NtlmStep::kBegin;
}

}  // namespace culvert::carrier
