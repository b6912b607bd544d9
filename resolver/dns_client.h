// resolver/dns_client.h: addresses of ordinary host names, by c-ares on the loop.
//
// Answers as the system's resolver would: /etc/hosts, nsswitch order, resolv.conf with its search
// domains (read anew when it changes: machines roam), RFC 6724 order of addresses. An answer serves
// again for a second.
// Errors: kNameUnknown (there is no such name, or it has no address), kTryAgain (no server
// answered, or it could not), kBadInput (not a host name), kExhausted (kMostWaiting).
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/dns_current_channel.h"
#include "resolver/recent_answers.h"
#include "tunnel/base/address.h"
#include "tunnel/loop/loop.h"

namespace culvert::resolver {

class DnsRequest;

class DnsClient {
 public:
  static constexpr std::size_t kMostWaiting = 4096;

  using Options = DnsOptions;

  explicit DnsClient(loop::Loop& loop) : DnsClient(loop, Options{}) {}
  DnsClient(loop::Loop& loop, Options options);
  ~DnsClient() = default;  // its requests must be gone
  DnsClient(const DnsClient&) = delete;
  DnsClient& operator=(const DnsClient&) = delete;

 private:
  friend class DnsRequest;
  struct Query;  // what c-ares holds on to: outlives a request that was cancelled

  Result<void> start(Query& query, const std::string& name);

  loop::Loop& loop_;
  RecentAnswers<std::vector<IpAddress>> recent_;
  CurrentDnsChannel channel_;  // last: calls its queries back when it is destroyed
};

// One question. Destroying it cancels it. The client must outlive it.
class DnsRequest final : private loop::Deferred {
 public:
  class Listener {
   public:
    // IPv4 and IPv6, best first, at least one. Never from inside the constructor; may destroy it.
    virtual void on_resolved(DnsRequest& request, Result<std::vector<IpAddress>> addresses) = 0;

   protected:
    ~Listener() = default;
  };

  DnsRequest(DnsClient& client, std::string_view name, Listener& listener);
  ~DnsRequest() override;
  const std::string& name() const { return name_; }

 private:
  friend class DnsClient;
  void run_deferred() override;
  void give(Result<std::vector<IpAddress>> answer);

  std::string name_;
  Listener& listener_;
  DnsClient::Query* query_ = nullptr;
  Result<std::vector<IpAddress>> answer_;
};

}  // namespace culvert::resolver
