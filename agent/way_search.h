// agent/way_search.h: every way to the service that can be found in this network, for whoever has
// no session yet: those that are configured or need no proxy, then those by proxies that people or
// the network name (proxy_finder.h). The latter are looked for when the others had time to answer.
//
// Knows neither which way is good nor a way of former times.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "agent/proxy_finder.h"
#include "agent/way_lookup.h"

namespace culvert::agent {

class WaySearch final : private WayLookup::Listener,
                        private ProxyFinder::Listener,
                        private loop::Timer::Listener {
 public:
  static constexpr std::chrono::milliseconds kFindAfter{150};

  class Listener {
   public:
    // Neither may destroy the search. Several times, some of them empty; then once the end.
    virtual void on_ways_found(std::vector<carrier::Way> ways) = 0;
    virtual void on_search_ended() = 0;

   protected:
    ~Listener() = default;
  };

  WaySearch(loop::Loop& loop, Random& random, WayOptions options, ProxySources sources,
            Listener& listener);

  void hurry();  // what was found leads nowhere: look for proxies now
  bool ended() const;
  const std::string& name_failure() const { return name_failure_; }  // of the service; empty: none
  // Of this network, if it has told one.
  std::string captive_portal() const { return finder_ ? finder_->captive_portal() : ""; }

 private:
  void on_ways_looked_up(WayLookup& lookup, Result<WayAddresses> addresses) override;
  void on_proxies_found(const std::vector<carrier::Proxy>& fresh) override;
  void on_finding_done() override { maybe_ended(); }
  void on_timer(loop::Timer&) override { hurry(); }
  void look_proxies_up();
  void plan(const WayOptions& options, const WayAddresses& addresses, bool proxies_alone);
  void maybe_ended();

  loop::Loop& loop_;
  Random& random_;
  WayOptions options_;
  ProxySources sources_;
  Listener& listener_;
  resolver::DnsClient dns_;
  std::optional<WayLookup> lookup_, proxy_lookup_;
  std::optional<ProxyFinder> finder_;
  std::optional<WayAddresses> addresses_;           // of what is configured, once looked up
  std::vector<carrier::Proxy> found_, looking_up_;  // without addresses yet
  std::string name_failure_;
  bool told_end_ = false;
  loop::Timer timer_;
};

}  // namespace culvert::agent
