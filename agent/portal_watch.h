// agent/portal_watch.h: whether a captive portal stands before the service, and when it is gone.
//
// While nothing leads to the service, one page is asked of its port 80, as often as a person needs
// to log in: that is little, and tells at once when everything is worth a try again. The name is
// asked for each time, since portals lie about names, too.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "agent/way_lookup.h"
#include "tunnel/proxies/probe.h"

namespace culvert::agent {

class PortalWatch final : private WayLookup::Listener,
                          private proxies::Probe::Listener,
                          private loop::Timer::Listener {
 public:
  static constexpr std::chrono::seconds kFirst{2}, kMost{15}, kLimit{3};
  static constexpr int kOften = 150;  // rounds of kFirst: five minutes

  class Listener {
   public:
    // It is there: its address, or what it showed (proxies::find_portal()). May not destroy this.
    virtual void on_portal(const std::string& where) = 0;
    // It was there. May destroy this.
    virtual void on_portal_gone() = 0;

   protected:
    ~Listener() = default;
  };

  // Looks `after` a while, and goes on for as long as there is one.
  PortalWatch(loop::Loop& loop, resolver::DnsClient& dns, const HostPort& service, Duration after,
              Listener& listener);

  const std::string& where() const { return where_; }  // empty: none has been seen
  // Who was asked for the service's page sent elsewhere; else it may be a web server of its own.
  bool is_certain() const { return where_.starts_with("http"); }
  bool done() const { return done_; }  // it has looked, and there is none

 private:
  void on_ways_looked_up(WayLookup& lookup, Result<WayAddresses> addresses) override;
  void on_heard(proxies::Probe& probe, Bytes heard, bool last, int error) override;
  void on_timer(loop::Timer& timer) override;
  void look_again();

  loop::Loop& loop_;
  resolver::DnsClient& dns_;
  WayOptions options_;
  Listener& listener_;
  loop::Timer timer_;
  std::optional<WayLookup> lookup_;
  std::unique_ptr<proxies::Probe> probe_;
  std::string where_;
  bool done_ = false;
  int rounds_ = 0;
};

}  // namespace culvert::agent
