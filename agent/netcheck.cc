#include "agent/netcheck.h"

#include <algorithm>

#include "agent/network_memory.h"
#include "agent/state_file.h"
#include "tunnel/proxies/probe_answer.h"

namespace culvert::agent {
namespace {

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

Netcheck::Netcheck(const OwnEndpoint& self, WayOptions ways, ProxySources sources,
                   const std::string& memory_file, Listener& listener)
    : self_(self),
      options_(std::move(ways)),
      listener_(listener),
      began_at_(loop::Loop::precise_now()),
      timer_(self.loop, *this),
      dns_(self.loop),
      mapper_(self.loop, self.random, {}, static_cast<portmap::PortMapper::Listener&>(*this)) {
  report_.name = self.identity.name;
  report_.service = options_.service.to_string();
  auto network = look_at_network();
  if (network) {
    report_.own_address = network->own.to_string();
    report_.prefix = network->prefix.to_string();
    report_.gateway = network->gateway.to_string();
    report_.gateway_hardware = network->gateway_hardware;
    const auto text = read_state_file(memory_file, Privacy::kOrdinary);
    report_.remembered =
        NetworkMemory::from_text(text ? *text : std::string{}).find(network->key()).value_or("");
  }
  listener_.on_netcheck_progress(network_line(report_));
  if (network) mapper_.set_network(portmap::Network{network->gateway, network->own});
  probing_gateway_ = mapper_.core().probing();
  lookup_.emplace(self_.loop, dns_, options_, static_cast<WayLookup::Listener&>(*this));
  finder_.emplace(self_.loop, dns_, self_.random, options_.service, std::move(sources),
                  std::move(network), static_cast<ProxyFinder::Listener&>(*this));
}

Netcheck::~Netcheck() = default;

double Netcheck::since_start() const { return milliseconds(loop::Loop::precise_now() - began_at_); }

void Netcheck::on_ways_looked_up(WayLookup& lookup, Result<WayAddresses> addresses) {
  auto known = addresses ? *std::move(addresses) : WayAddresses{};
  if (found_lookup_ && &lookup == &*found_lookup_) {
    auto options = options_;
    options.proxies = std::exchange(looking_up_, {});
    known.service = addresses_.service;
    add_ways(options, known, /*found=*/true);
    found_lookup_.reset();
    look_up_found();
    return go_on();
  }
  looked_up_ = true;
  addresses_ = std::move(known);
  for (const auto& address : addresses_.service)
    report_.service_addresses +=
        (report_.service_addresses.empty() ? "" : " ") + address.to_string();
  listener_.on_netcheck_progress("service: " + report_.service + " is " +
                                 (report_.service_addresses.empty() ? "unknown to the name server"
                                                                    : report_.service_addresses));
  for (const auto& address : addresses_.service)
    for (const std::uint16_t port : {std::uint16_t{80}, options_.service.port})
      if (portal_probes_.size() < kAtOnce)
        portal_probes_.push_back(std::make_unique<proxies::Probe>(
            self_.loop, SocketAddress{address, port},
            proxies::probe_request(options_.service, /*through_proxy=*/false), kPortalLimit,
            static_cast<proxies::Probe::Listener&>(*this)));
  add_ways(options_, addresses_, /*found=*/false);
  lookup_.reset();
  look_up_found();
  go_on();
}

void Netcheck::add_ways(const WayOptions& options, const WayAddresses& addresses, bool found) {
  for (auto& way : plan_ways(options, addresses)) {
    if (found && !way.proxy) continue;
    NetcheckTry one;
    one.way = to_string(way);
    one.recipe = way.recipe->name;
    if (way.proxy) one.proxy = way.proxy->to_string();
    if (way.proxy) one.source = way.proxy->source;
    report_.tries.push_back(std::move(one));
    ways_.push_back(std::move(way));
  }
}

void Netcheck::on_proxies_found(const std::vector<carrier::Proxy>& fresh) {
  found_.insert(found_.end(), fresh.begin(), fresh.end());
  look_up_found();
}

void Netcheck::look_up_found() {
  if (!looked_up_ || found_.empty() || found_lookup_) return;
  looking_up_ = std::exchange(found_, {});
  auto options = options_;
  options.proxies = looking_up_;
  options.service.host = "0.0.0.0";  // is looked up already
  found_lookup_.emplace(self_.loop, dns_, options, static_cast<WayLookup::Listener&>(*this));
}

void Netcheck::on_finding_step(const ProxyFinder::Step& step) {
  report_.steps.push_back({step.what, step.outcome, milliseconds(step.after)});
  listener_.on_netcheck_progress(to_line(report_.steps.back()));
}

void Netcheck::on_gateway_probed() {
  using portmap::Method;
  for (const auto method : {Method::kPcp, Method::kNatPmp, Method::kUpnp})
    if (mapper_.core().presence(method) == portmap::Mapper::Presence::kPresent)
      report_.port_mapping +=
          (report_.port_mapping.empty() ? "" : ", ") + std::string(portmap::to_string(method));
  listener_.on_netcheck_progress(mapping_line(report_));
  probing_gateway_ = false;
  timer_.start(Duration::zero());
}

void Netcheck::on_finding_done() { timer_.start(Duration::zero()); }

void Netcheck::go_on() {
  while (running_.size() < kAtOnce && next_ < ways_.size()) {
    // An agent does not come to these then.
    if (ways_[next_].also_named && std::ranges::any_of(report_.tries, &NetcheckTry::reached)) {
      ways_.erase(ways_.begin() + static_cast<std::ptrdiff_t>(next_));
      report_.tries.erase(report_.tries.begin() + static_cast<std::ptrdiff_t>(next_));
      continue;
    }
    report_.tries[next_].began_ms = since_start();
    ways_[next_].notes = std::make_shared<carrier::WayNotes>();
    running_.push_back(
        {next_, std::make_unique<CarrierAttempt>(self_, ways_[next_], next_,
                                                 static_cast<CarrierAttempt::Listener&>(*this))});
    ++next_;
  }
  if (running_.empty() && looked_up_ && finder_->done() && !found_lookup_ && found_.empty() &&
      portal_probes_.empty() && !probing_gateway_ && !std::exchange(done_, true))
    conclude();
}

CarrierAttempt::Greeting Netcheck::greeting_of(CarrierAttempt&) {
  auto hello = self_.hello(control::Purpose::kSession);
  self_.random.fill(hello.session);
  hello.resume = control::Resume::kExisting;
  return {std::move(hello), {}};
}

void Netcheck::on_attempt_up(CarrierAttempt& attempt, session::FreshCarrier) {
  tried(attempt, true, "the service answered");
}

void Netcheck::on_attempt_failed(CarrierAttempt& attempt, const Error& why, bool refused) {
  const bool reached = refused && why.code == ErrorCode::kClosed;
  tried(attempt, reached, reached ? "the service answered" : why.detail);
}

void Netcheck::tried(CarrierAttempt& attempt, bool reached, std::string outcome) {
  auto& one = report_.tries[attempt.number()];
  one.reached = reached;
  one.outcome = std::move(outcome);
  one.interceptor = attempt.interceptor();
  one.took_ms = since_start() - one.began_ms;
  listener_.on_netcheck_progress(to_line(one));
  const auto found = std::find_if(running_.begin(), running_.end(), [&](const Running& running) {
    return running.attempt.get() == &attempt;
  });
  ended_.splice(ended_.end(), running_, found);
  timer_.start(Duration::zero());
}

void Netcheck::on_heard(proxies::Probe& probe, Bytes heard, bool last, int) {
  if (!last) return;
  if (auto portal = proxies::find_portal(heard, options_.service.host); !portal.empty())
    report_.portal = std::move(portal);
  const auto found = std::find_if(portal_probes_.begin(), portal_probes_.end(),
                                  [&](const auto& one) { return one.get() == &probe; });
  ended_probes_.splice(ended_probes_.end(), portal_probes_, found);
  timer_.start(Duration::zero());
}

// What ended is destroyed outside its own calls.
void Netcheck::on_timer(loop::Timer&) {
  ended_.clear();
  ended_probes_.clear();
  go_on();
}

void Netcheck::conclude() {
  if (report_.portal.empty()) report_.portal = finder_->captive_portal();
  const auto best = std::find_if(report_.tries.begin(), report_.tries.end(),
                                 [](const NetcheckTry& one) { return one.reached; });
  if (best != report_.tries.end()) {
    report_.best = best->way;
    report_.why =
        best == report_.tries.begin() ? "the preferred way works" : "the ways before it failed";
  } else {
    for (const auto& one : report_.tries)
      report_.why += (report_.why.empty() ? "" : "; ") + one.outcome;
    if (report_.tries.empty())
      report_.why = "the service's name does not resolve, and no proxy was found";
  }
  listener_.on_netcheck_done(report_);
}

}  // namespace culvert::agent
