#include "tunnel/carrier/proxy_login.h"

#include <algorithm>
#include <utility>

#include "tunnel/carrier/digests.h"
#include "tunnel/carrier/ntlm.h"
#include "tunnel/carrier/opening_layer.h"

namespace culvert::carrier {
namespace {

constexpr int kMostChallenges = 8;  // of one login: more is a loop
constexpr int kMostRounds = 4;      // of one ticket's conversation; no mechanism in use has more

}  // namespace

std::string ProxyLogin::authorization(std::string_view method, std::string_view target) {
  switch (scheme_) {
    case Scheme::kNone: return {};
    case Scheme::kNegotiate:
      ticket_said_ = !ticket_.empty();  // once: the connection is logged in by it
      return ticket_said_ ? "Negotiate " + std::exchange(ticket_, {}) : std::string();
    case Scheme::kBasic:
      return "Basic " + to_base64(as_bytes(credentials_->login() + ":" + credentials_->password));
    case Scheme::kDigest: return digest_->authorization(*credentials_, method, target, *random_);
    case Scheme::kNtlm: return ntlm_authorization();
  }
  return {};
}

std::string ProxyLogin::ntlm_authorization() {
  if (ntlm_step_ == NtlmStep::kDone) return {};  // the connection is logged in
  if (ntlm_step_ == NtlmStep::kBegin) {
    ntlm_step_ = NtlmStep::kAsked;
    return "NTLM " + to_base64(ntlm_negotiate());
  }
  ntlm_step_ = NtlmStep::kAnswered;
  NtlmNonce nonce;
  random_->fill(nonce);
  const auto message = ntlm_authenticate(ntlm_challenge_, *credentials_, nonce, ntlm_time(now_));
  return message ? "NTLM " + to_base64(*message) : std::string{};
}

ProxyLogin::Offer ProxyLogin::read(const HttpAnswer& answer) {
  Offer offer;
  for (const auto& challenge : parse_challenges(answer.all("proxy-authenticate"))) {
    offer.names += (offer.names.empty() ? "" : ", ") + printable(challenge.scheme);
    if (challenge.scheme == "basic") offer.basic = true;
    if (challenge.scheme == "negotiate") {
      offer.negotiate = true;
      offer.negotiate_message = challenge.token68;
    }
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
  auto offer = read(answer);
  if (!credentials_ && (ticket_host_.empty() || !offer.negotiate) && failed_.empty())
    return fail(ErrorCode::kAuthentication,
                "the proxy wants to know who asks (" + answer.status_line() +
                    "); write user and password into its URL in the configuration");
  if (++challenges_ > kMostChallenges)
    return fail(ErrorCode::kAuthentication, "the proxy asks who is there again and again");
  needs_nonce_ = false;
  if (scheme_ == Scheme::kNegotiate) {
    const bool said = std::exchange(ticket_said_, false);
    if (said && may_go_on_ && !offer.negotiate_message.empty() && ++ticket_rounds_ <= kMostRounds) {
      ticket_answer_ = offer.negotiate_message;
      offer_ = std::move(offer);
      ticket_due_ = true;
      return {};
    }
    if (!said) {
      ticket_due_ = true;
      return {};
    }
  }
  if (scheme_ == Scheme::kNtlm && ntlm_step_ == NtlmStep::kAsked && !offer.ntlm_message.empty()) {
    ntlm_challenge_ = from_base64(offer.ntlm_message);
    NtlmNonce probe{};  // a broken challenge is found here, where it can be told
    const auto usable = ntlm_authenticate(ntlm_challenge_, *credentials_, probe, ntlm_time(now_));
    if (usable) return {};
  }
  if (scheme_ == Scheme::kNtlm && ntlm_step_ == NtlmStep::kDone) {
    ntlm_step_ = NtlmStep::kBegin;
    return {};
  }
  // RFC 7616 section 3.3: the password was good, only its nonce too old.
  if (scheme_ == Scheme::kDigest && offer.digest && offer.digest_is_stale) {
    digest_ = offer.digest;
    return {};
  }
  if (scheme_ != Scheme::kNone) failed_.push_back(std::exchange(scheme_, Scheme::kNone));
  offer_ = std::move(offer);
  return choose();
}

bool ProxyLogin::may_try(Scheme scheme) const {
  if (scheme == Scheme::kNegotiate ? ticket_host_.empty() : !credentials_) return false;
  return std::ranges::find(failed_, scheme) == failed_.end();
}

Result<void> ProxyLogin::choose() {
  if (offer_.negotiate && may_try(Scheme::kNegotiate)) {
    scheme_ = Scheme::kNegotiate;
    ticket_due_ = true;
  } else if (offer_.digest && may_try(Scheme::kDigest)) {
    scheme_ = Scheme::kDigest;
    digest_ = offer_.digest;
  } else if (offer_.ntlm && may_try(Scheme::kNtlm)) {
    scheme_ = Scheme::kNtlm;
    ntlm_step_ = NtlmStep::kBegin;
  } else if (offer_.basic && may_try(Scheme::kBasic)) {
    scheme_ = Scheme::kBasic;
  } else {
    return fail(refused());
  }
  return {};
}

Error ProxyLogin::refused() const {
  std::string why = "the proxy does not accept the user or password of its URL";
  if (failed_.empty())
    why = "the proxy wants a login of a kind that is not known here";
  else if (!credentials_)
    why = "the proxy wants to know who asks, and its URL names no user";
  if (!no_ticket_.empty())
    why += "; there is no Kerberos ticket for it: " + no_ticket_;
  else if (!may_try(Scheme::kNegotiate) && !ticket_host_.empty())
    why += "; it does not accept the Kerberos ticket";
  return {ErrorCode::kAuthentication, why + " (it offers: " + offer_.names + ")"};
}

Result<void> ProxyLogin::take_ticket(Result<std::string> ticket) {
  ticket_due_ = false;
  ticket_.clear();
  if (ticket && !ticket->empty()) {
    ticket_ = *std::move(ticket);
    return {};
  }
  no_ticket_ = ticket ? "it is empty" : ticket.error().detail;
  failed_.push_back(std::exchange(scheme_, Scheme::kNone));
  return choose();
}

void ProxyLogin::accepted() {
  challenges_ = 0;
  needs_nonce_ = ticket_said_ = false;
  if (scheme_ == Scheme::kNtlm) ntlm_step_ = NtlmStep::kDone;
}

bool ProxyLogin::expects_challenge() const {
  return needs_nonce_ || (scheme_ == Scheme::kNtlm && ntlm_step_ == NtlmStep::kBegin);
}

// Two connections that count their requests under one nonce would overtake one another, which a
// proxy takes for a repetition (RFC 7616 section 3.4): each asks for its own.
ProxyLogin ProxyLogin::for_another_connection() const {
  ProxyLogin other = *this;
  other.challenges_ = 0;
  other.connection_lost();
  other.ticket_.clear();
  other.ticket_said_ = other.may_go_on_ = false;
  other.ticket_answer_.clear();
  other.ticket_due_ = scheme_ == Scheme::kNegotiate;
  if (other.scheme_ != Scheme::kDigest) return other;
  other.scheme_ = Scheme::kNone;
  other.digest_.reset();
  other.needs_nonce_ = true;
  return other;
}

void ProxyLogin::connection_lost() {
  // NTLM is a conversation of one connection, and so are a ticket's rounds.
  if (scheme_ == Scheme::kNtlm) ntlm_step_ = NtlmStep::kBegin;
  ticket_answer_.clear();
  ticket_rounds_ = 0;
}

}  // namespace culvert::carrier
