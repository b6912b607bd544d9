// agent/way_lookup.h: finds the addresses of the service and of its proxies, all at the same time.
//
// Behind a proxy the service's name often resolves to nothing, or the name server hangs: so it is
// enough that something is known, and the others are given kPatience from then on.
// IPv4 addresses in a network of IPv6 alone are sought behind its translator (resolver/nat64.h).
#pragma once
#include <memory>
#include <vector>

#include "agent/way_plan.h"
#include "resolver/dns_client.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

class WayLookup final : private resolver::DnsRequest::Listener, private loop::Timer::Listener {
 public:
  static constexpr std::chrono::milliseconds kPatience{500};

  class Listener {
   public:
    // Once, never from the constructor; may destroy the lookup. Fails if nothing is known at all.
    virtual void on_ways_looked_up(WayLookup& lookup, Result<WayAddresses> addresses) = 0;

   protected:
    ~Listener() = default;
  };

  WayLookup(loop::Loop& loop, resolver::DnsClient& dns, const WayOptions& options,
            Listener& listener);

 private:
  void on_resolved(resolver::DnsRequest& request,
                   Result<std::vector<IpAddress>> addresses) override;
  void on_timer(loop::Timer& timer) override;
  void ask(const std::string& name, std::vector<IpAddress>* addresses);
  void translate(std::vector<IpAddress>& addresses) const;

  resolver::DnsClient& dns_;
  Listener& listener_;
  WayAddresses found_;
  struct Asked {
    std::unique_ptr<resolver::DnsRequest> request;
    std::vector<IpAddress>* addresses;
  };
  std::vector<Asked> asked_;
  std::vector<IpAddress> translated_;  // of kNat64Question; empty: was not asked
  std::size_t waiting_ = 0, known_ = 0;
  std::string failures_;
  loop::Timer timer_;
};

}  // namespace culvert::agent
