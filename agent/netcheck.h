// agent/netcheck.h: tries every way to the service once, and looks for proxies wherever an agent
// would, to tell people what this network lets through.
//
// Each way is tried as far as the service's authenticated answer, by a hello that asks for a
// session which is not there: the refusal proves that the service itself was reached, and a session
// that an agent of this machine has is left alone.
#pragma once
#include <list>
#include <memory>

#include "agent/carrier_attempt.h"
#include "agent/netcheck_report.h"
#include "agent/own_endpoint.h"
#include "agent/proxy_finder.h"
#include "agent/way_lookup.h"
#include "tunnel/portmap/port_mapper.h"
#include "tunnel/proxies/probe.h"

namespace culvert::agent {

class Netcheck final : private WayLookup::Listener,
                       private ProxyFinder::Listener,
                       private CarrierAttempt::Listener,
                       private proxies::Probe::Listener,
                       private portmap::PortMapper::Listener,
                       private loop::Timer::Listener {
 public:
  static constexpr std::size_t kAtOnce = 3;  // few: some proxies never notice who has left
  static constexpr std::chrono::seconds kPortalLimit{3};

  class Listener {
   public:
    virtual void on_netcheck_progress(const std::string& line) = 0;
    virtual void on_netcheck_done(
        const NetcheckReport& report) = 0;  // once; in a later turn: end it

   protected:
    ~Listener() = default;
  };

  // `memory_file` as the agent keeps it.
  Netcheck(const OwnEndpoint& self, WayOptions ways, ProxySources sources,
           const std::string& memory_file, Listener& listener);
  ~Netcheck();

 private:
  struct Running {
    std::size_t number;
    std::unique_ptr<CarrierAttempt> attempt;
  };
  void on_ways_looked_up(WayLookup& lookup, Result<WayAddresses> addresses) override;
  void on_proxies_found(const std::vector<carrier::Proxy>& fresh) override;
  void on_finding_step(const ProxyFinder::Step& step) override;
  void on_finding_done() override;
  CarrierAttempt::Greeting greeting_of(CarrierAttempt& attempt) override;
  void on_attempt_up(CarrierAttempt& attempt, session::FreshCarrier carrier) override;
  void on_attempt_failed(CarrierAttempt& attempt, const Error& why, bool refused) override;
  void on_heard(proxies::Probe& probe, Bytes heard, bool last, int error) override;
  void on_gateway_probed() override;
  void on_timer(loop::Timer& timer) override;

  void tried(CarrierAttempt& attempt, bool reached, std::string outcome);
  void add_ways(const WayOptions& options, const WayAddresses& addresses, bool found);
  void look_up_found();
  void go_on();
  void conclude();
  double since_start() const;

  const OwnEndpoint& self_;
  WayOptions options_;
  Listener& listener_;
  NetcheckReport report_;
  TimePoint began_at_;
  loop::Timer timer_;
  resolver::DnsClient dns_;
  std::optional<WayLookup> lookup_, found_lookup_;
  std::optional<ProxyFinder> finder_;
  WayAddresses addresses_;
  std::vector<carrier::Proxy> found_, looking_up_;
  std::vector<carrier::Way> ways_;  // as report_.tries
  std::size_t next_ = 0;
  std::list<Running> running_, ended_;
  std::list<std::unique_ptr<proxies::Probe>> portal_probes_, ended_probes_;
  portmap::PortMapper mapper_;  // only asks what there is
  bool looked_up_ = false, probing_gateway_ = false, done_ = false;
};

}  // namespace culvert::agent
