// agent/proxy_finder.h: finds the proxies that this machine's people and its network name, once for
// one network. What is found is only a candidate: the route picker shows which lets us through.
//
// In this order, everything that may take time at the same time:
//   1. the settings: the agent's environment, and the desktop's of the user that it runs as
//   2. the PAC scripts that these and the configuration name
//   3. WPAD: DHCP option 252 (DHCPINFORM), else http://wpad/wpad.dat with "wpad" looked up through
//   the
//      search list; no devolution, no multicast names: anybody could answer
//   4. SLP: whoever on the link says that there is a proxy (announcements.h)
//   5. what other users of this machine have set and the agent may use (user_proxies.h), their
//      PAC scripts last
//   6. if nobody named any: the usual proxy ports of the gateway, one connection each, and of other
//      gateways of the link that UPnP finds
// Those that were named are asked what they speak if they have not led out soon (proxy_kinds.h).
#pragma once
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/announcements.h"
#include "agent/desktop_asker.h"
#include "agent/network_facts.h"
#include "agent/proxy_kinds.h"
#include "agent/proxy_sources.h"
#include "resolver/dns_client.h"
#include "tunnel/base/random.h"
#include "tunnel/carrier/proxy.h"
#include "tunnel/proxies/dhcp_asker.h"
#include "tunnel/proxies/pac_run.h"
#include "tunnel/proxies/probe.h"

namespace culvert::agent {

class ProxyFinder final : private loop::Timer::Listener,
                          private resolver::DnsRequest::Listener,
                          private proxies::DhcpAsker::Listener,
                          private Announcements::Listener,
                          private proxies::PacRun::Listener,
                          private proxies::Probe::Listener,
                          private DesktopAsker::Listener,
                          private ProxyKinds::Listener,
                          private proxies::NameLookup {
 public:
  static constexpr std::size_t kMost = 16;         // proxies
  static constexpr std::size_t kMostGateways = 2;  // beside the one that is used
  static constexpr std::chrono::milliseconds kNameLimit{1000}, kProbeLimit{1000};

  // One thing that was tried, for people (culvert netcheck).
  struct Step {
    std::string what, outcome;
    Duration after{};  // since the finder began
  };

  class Listener {
   public:
    // Perhaps several times. None of these may destroy the finder.
    virtual void on_proxies_found(const std::vector<carrier::Proxy>& fresh) = 0;
    virtual void on_finding_step(const Step&) {}
    virtual void on_proxy_miscalled(const carrier::Proxy&, proxies::Spoken) {}
    virtual void on_finding_done() = 0;  // once

   protected:
    ~Listener() = default;
  };

  ProxyFinder(loop::Loop& loop, resolver::DnsClient& dns, Random& random, HostPort service,
              ProxySources sources, std::optional<NetworkFacts> network, Listener& listener);
  ~ProxyFinder();

  void settle() { kinds_.stop(); }       // a way out was found: whatever they are, they are
  void way_failed() { kinds_.hurry(); }  // one through a proxy
  bool done() const { return phase_ == Phase::kDone; }
  const std::vector<carrier::Proxy>& found() const { return found_; }
  const std::vector<Step>& steps() const { return steps_; }
  const std::string& captive_portal() const { return captive_portal_; }  // DHCP option 114

 private:
  enum class Phase : std::uint8_t { kAsking, kProbing, kDone };
  struct Script {
    std::string url, source;
    bool trusted, passing = false;  // as proxies::Hint has it
  };
  void on_timer(loop::Timer& timer) override;
  void on_resolved(resolver::DnsRequest& request,
                   Result<std::vector<IpAddress>> addresses) override;
  void on_dhcp_answer(proxies::DhcpAsker& asker, const proxies::DhcpAnswer* answer,
                      const IpAddress& from) override;
  void on_proxy_announced(const std::string& url, const IpAddress& by) override;
  void on_gateway_announced(const IpAddress& gateway) override;
  void on_announcements_ended() override;
  void on_pac_answer(proxies::PacRun& run, Result<proxies::PacAnswer> answer) override;
  void on_heard(proxies::Probe& probe, Bytes heard, bool last, int error) override;
  void on_desktop_answer(const proxies::ProxySettings& settings) override;
  void on_kind_heard(const carrier::Proxy& named, proxies::Spoken heard,
                     const std::vector<carrier::Proxy>& others) override;
  void on_kinds_checked() override { go_on(); }
  void look_up(const std::string& host, Answer& answer) override;
  void forget() override { pac_name_.reset(); }

  void begin();
  void go_on();
  void take(const NamedSettings& from);
  void start_script(Script script);
  void probe_gateways();
  void probe(const IpAddress& gateway);
  void wpad_answered(bool exists, const std::string& why);
  // Gives those that are new.
  std::vector<carrier::Proxy> add(const std::vector<proxies::Hint>& hints);
  void add_named(const std::vector<proxies::Hint>& hints);
  std::vector<carrier::Proxy> add(std::vector<carrier::Proxy> proxies);
  void add_of_users(bool passing);
  void step(std::string what, std::string outcome);

  loop::Loop& loop_;
  resolver::DnsClient& dns_;
  Random& random_;
  HostPort service_;
  ProxySources sources_;
  std::optional<NetworkFacts> network_;
  Listener& listener_;
  ProxyKinds kinds_;
  Phase phase_ = Phase::kAsking;
  TimePoint began_at_;
  bool begun_ = false, asked_users_ = false;
  loop::Timer start_, name_limit_;
  std::optional<proxies::DhcpAsker> dhcp_;
  std::optional<Announcements> announcements_;
  std::vector<IpAddress> gateways_;  // others than the one that is used
  std::optional<DesktopAsker> desktop_;
  std::optional<resolver::DnsRequest> wpad_, pac_name_;
  Answer* pac_answer_ = nullptr;
  bool wpad_exists_ = false, network_has_script_ = false;
  std::vector<Script> scripts_;  // waiting; one runs at a time
  std::optional<Script> running_;
  std::unique_ptr<proxies::PacRun> run_, ended_run_;
  std::list<std::unique_ptr<proxies::Probe>> probes_, ended_probes_;
  std::vector<carrier::Proxy> found_;
  std::vector<Step> steps_;
  std::string captive_portal_;
};

}  // namespace culvert::agent
