// tunnel/carrier/proxy_login.h: tells an HTTP proxy who asks: picks the strongest scheme of those
// that the proxy offers (Negotiate, Digest, NTLMv2, Basic), and the next one when it is not
// accepted. Negotiate needs a ticket, which whoever holds this asks for (ticket_source.h).
//
// One per way that is gone; it outlives single connections, because some proxies end theirs with
// the 407. Sans-IO. What it returns is a secret: it goes into the request and nowhere else.
#pragma once
#include <optional>
#include <string>
#include <utility>
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
      : credentials_(std::move(credentials)), random_(&random), now_(now) {}

  // The proxy at `host` may be shown a ticket; default: none is.
  void allow_tickets(std::string host) { ticket_host_ = std::move(host); }
  const std::string& ticket_host() const { return ticket_host_; }
  // The next request needs one, of its own; then take_ticket() says whether there is another way.
  bool wants_ticket() const { return ticket_due_; }
  Result<void> take_ticket(Result<std::string> ticket);
  // Whoever holds this can go on with the conversation of a ticket on the same connection. Then,
  // where wants_ticket() and there is an answer of the proxy to the last one, this says so.
  void allow_rounds() { may_go_on_ = true; }
  bool goes_on() const { return ticket_due_ && !ticket_answer_.empty(); }
  std::string take_ticket_answer() { return std::exchange(ticket_answer_, {}); }

  // The value of Proxy-Authorization for the next request; empty: send none.
  std::string authorization(std::string_view method, std::string_view target);
  // A request was answered with 407. kAuthentication: there is nothing more to try.
  Result<void> challenged(const HttpAnswer& answer);
  void accepted();         // a request was answered with anything but 407
  void connection_lost();  // the next request goes out on a new one
  // What was found out is used on another connection, beside this one.
  ProxyLogin for_another_connection() const;
  // The next request will be answered with 407, as the scheme wants it.
  bool expects_challenge() const;

 private:
  enum class Scheme : std::uint8_t { kNone, kNegotiate, kDigest, kNtlm, kBasic };
  enum class NtlmStep : std::uint8_t { kBegin, kAsked, kAnswered, kDone };
  struct Offer {
    bool basic = false, ntlm = false, negotiate = false;
    std::optional<DigestLogin> digest;
    bool digest_is_stale = false;
    std::string ntlm_message, negotiate_message;
    std::string names;  // of all schemes, for people
  };
  static Offer read(const HttpAnswer& answer);
  Result<void> choose();  // of offer_
  Error refused() const;
  bool may_try(Scheme scheme) const;
  std::string ntlm_authorization();

  std::optional<ProxyCredentials> credentials_;
  Random* random_;
  UnixTime now_;
  Scheme scheme_ = Scheme::kNone;
  std::vector<Scheme> failed_;
  std::optional<DigestLogin> digest_;
  NtlmStep ntlm_step_ = NtlmStep::kBegin;
  ByteVector ntlm_challenge_;
  int challenges_ = 0;
  std::string ticket_host_, ticket_;
  std::string ticket_answer_{};  // the proxy's
  int ticket_rounds_ = 0;        // on this connection
  bool may_go_on_ = false, ticket_due_ = false, ticket_said_ = false;
  Offer offer_;               // the last one
  std::string no_ticket_{};   // why, for people
  bool needs_nonce_ = false;  // Digest, on a connection that has none of its own yet
};

}  // namespace culvert::carrier
