#include "agent/agent.h"

#include <algorithm>
#include <set>

#include "agent/program_path.h"
#include "agent/readiness.h"
#include "agent/state_file.h"
#include "tunnel/loop/local_address.h"

namespace culvert::agent {
namespace {

std::string peers_file(const AgentConfig& config) { return config.state_directory + "/peers"; }

Uplink::Options uplink_options(const AgentConfig& config, const Identity& identity) {
  Uplink::Options options;
  options.ways = way_options(config, identity.service, identity.domain);
  options.remembered_file = config.state_directory + "/networks";
  options.sources = proxy_sources(config, "the agent");
  options.grace = config.resume;
  return options;
}

ShimGate::Options gate_options(const AgentConfig& config, const Identity& identity,
                               const Destinations& destinations) {
  ShimGate::Options options;
  options.socket_path = config.control_socket;
  options.any_user = config.access.all || !config.access.users.empty();
  options.publishes = config.publish.policy != PublishPolicy::Policy::kNever;
  options.publishes_all = config.publish.policy == PublishPolicy::Policy::kAlways;
  options.pool = config.pool;
  options.domains = identity.domain;
  options.forwarding = destinations.asked_prefixes();
  return options;
}

}  // namespace

Agent::Agent(AgentConfig config, OwnEndpoint self, Listener& listener)
    : config_(std::move(config)),
      self_(std::move(self)),
      listener_(listener),
      place_(config_.direct),
      udp_(self_),
      udp_behaviour_(self_),
      udp_mapping_(self_, udp_, static_cast<UdpMapping::Listener&>(*this)),
      udp_witness_(self_, udp_, place_, static_cast<UdpWitness::Listener&>(*this)),
      proxy_udp_(self_, udp_, static_cast<ProxyUdp::Listener&>(*this)),
      keys_(self_.identity.signing_key),
      replays_(config_.state_directory + "/replay-floors"),
      pool_(config_.pool),
      pool_file_(self_.loop, config_.state_directory + "/addresses", pool_),
      publisher_(Protocol::kTcp, config_.publish, config_.listen),
      udp_publisher_(Protocol::kUdp, config_.publish, config_.listen),
      consent_(self_.loop, config_.publish, config_.state_directory + "/published",
               static_cast<PublishConsent::Listener&>(*this)),
      destinations_(config_, self_.identity.domain,
                    config_.service.value_or(self_.identity.service)),
      uplink_(self_, uplink_options(config_, self_.identity),
              static_cast<Uplink::Listener&>(*this)),
      user_proxies_(config_.proxies_of, ::geteuid()),
      peers_(self_, place_, udp_, uplink_, keys_, static_cast<PeerSessions::Listener&>(*this)),
      local_names_(self_.loop),
      names_(self_.loop, config_.access, destinations_, local_names_, uplink_, keys_, pool_,
             pool_file_, static_cast<const NameDesk::Acquaintances&>(*this)),
      accepts_(self_.loop),
      direct_(self_.loop, static_cast<DirectListener::Listener&>(*this)),
      trials_(self_, place_, uplink_, direct_),
      mapper_(self_.loop, self_.random, companion_file("culvert-igd"),
              static_cast<portmap::PortMapper::Listener&>(*this)),
      mapper_six_(self_.loop, self_.random, {}, static_cast<portmap::PortMapper::Listener&>(*this)),
      datagrams_(self_.loop, pool_.prefix().address, static_cast<DatagramPorts::Handler&>(*this)),
      hosted_calls_(self_.loop),
      direct_flows_(self_.loop),
      gate_(self_.loop, gate_options(config_, self_.identity, destinations_),
            static_cast<ShimGate::Handler&>(*this)),
      network_(self_.loop, static_cast<loop::NetworkWatch::Listener&>(*this)),
      timer_(self_.loop, *this) {}

Agent::~Agent() {
  save_peer_keys();
  if (listener_file_) listener_file_->save();
}

Result<void> Agent::start(restart::Estate estate) {
  CULVERT_RETURN_IF_ERROR(load_peer_keys());
  CULVERT_RETURN_IF_ERROR(replays_.load());
  CULVERT_RETURN_IF_ERROR(pool_file_.load());
  CULVERT_RETURN_IF_ERROR(consent_.load());
  if (destinations_.discovers()) destinations_.set_local(discover_local_network());
  take_over(std::move(estate));
  if (const auto own = pool_.address_of(self_.identity.name, loop::Loop::wall_clock()))
    gate_.set_own_address(*own);
  serve_names();
  if (!gate_.control().listening()) CULVERT_RETURN_IF_ERROR(gate_.start());
  renew_system_wide();
  open_direct_port();
  publishing_ = true;
  publish(Protocol::kTcp);
  publish(Protocol::kUdp);
  uplink_.start();
  log::info("agent", {{"event", "started"},
                      {"name", self_.identity.name},
                      {"socket", config_.control_socket},
                      {"pool", config_.pool.to_string()},
                      {"low-ports", gate_.low_ports_mapped() ? "mapped" : "native"},
                      {"refusals", gate_.refusals_exact() ? "exact" : "by-shim"}});
  tell_ready(status_line());
  return {};
}

// Without it all but the programs with resolvers of their own still work.
void Agent::serve_names() {
  if (!config_.serve_names) return;
  dns_.emplace(self_.loop, config_, self_.identity, destinations_, names_, pool_);
  const auto at = dns_->start();
  if (at) {
    gate_.set_name_server(*at);
    return log::info("agent", {{"event", "serves-names"}, {"at", at->to_string()}});
  }
  dns_.reset();
  log::warning("agent", {{"event", "serves-no-names"},
                         {"why", at.error().detail},
                         {"effect", "programs with resolvers of their own see no virtual names"}});
}

void Agent::stop() {
  if (std::exchange(stopping_, true)) return;
  direct_.close();
  mapper_.stop();
  mapper_six_.stop();
  peers_.close_all("the agent stops");
  for (const auto& session : incoming_) session->close("the agent stops");
  uplink_.stop();
  goodbye_until_ = self_.loop.now() + kGoodbye;
  timer_.start(uplink_.stopped() ? std::chrono::milliseconds{50} : kGoodbye);
}

void Agent::on_timer(loop::Timer&) {
  if (leave_at_ && gate_.busy() && self_.loop.now() < *leave_at_) return timer_.start(kLookAgain);
  if (goodbye_until_ && !(mapper_.stopped() && mapper_six_.stopped()) &&
      self_.loop.now() < *goodbye_until_)
    return timer_.start(kLookAgain);
  listener_.on_agent_stopped();
}

Result<void> Agent::load_peer_keys() {
  const auto text = read_state_file(peers_file(config_), Privacy::kOrdinary);
  if (!text && text.error().code == ErrorCode::kNameUnknown) return {};
  if (!text) return fail(text.error());
  const auto loaded = keys_.load(*text);
  if (loaded) return {};
  return fail(loaded.error().code,
              peers_file(config_) + ": " + loaded.error().detail +
                  "; restore it, or remove it: other endpoints' keys are then learnt anew");
}

void Agent::save_peer_keys() {
  if (!keys_.take_changed()) return;
  const auto saved = write_state_file(peers_file(config_), keys_.snapshot());
  if (!saved) log::warning("agent", {{"event", "peers-not-saved"}, {"why", saved.error().detail}});
}

bool Agent::allowed(const Asker& asker) const {
  return asker.system_wide || config_.access.allows(asker.uid, ::geteuid());
}

void Agent::on_name_asked(std::unique_ptr<NameQuestion> question) {
  names_.ask(std::move(question));
  save_peer_keys();
}

void Agent::on_address_asked(std::unique_ptr<AddressQuestion> question) {
  names_.ask(std::move(question));
}

void Agent::on_connect(std::unique_ptr<HeldConnect> held) {
  if (!allowed(held->asker())) return held->fail(ErrorCode::kNotPermitted);
  const auto now = loop::Loop::wall_clock();
  const std::string name{pool_.name_of(held->to().ip, now)};
  if (name.empty() || stopping_) return held->fail(ErrorCode::kHostUnreachable);
  pool_.touch(held->to().ip, now);
  pool_file_.changed();
  if (name == self_.identity.name && !publisher_.leads_on(held->to().port))
    return held->fail(ErrorCode::kRefused);
  const auto way = destinations_.of_name(name);
  // What the rules have caught cannot go on by itself.
  const bool directly = way == Way::kDirect && held->asker().system_wide && IpAddress::parse(name);
  if (way == Way::kDirect && !directly) return held->fail(ErrorCode::kNotPermitted);
  auto made = std::make_unique<ProgramConnect>(std::move(held), name,
                                               static_cast<ProgramConnect::Listener&>(*this));
  auto& connect = *made;
  connects_.emplace(&connect, std::move(made));
  if (directly)
    connect.call_directly(self_.loop, local_names_);
  else if (way == Way::kEndpoint)
    connect.call_endpoint(peers_);
  else if (way == Way::kAfterDirect)
    connect.call_after_direct(self_.loop, local_names_, uplink_);
  else
    connect.call_ordinary(uplink_);
}

std::optional<IpAddress> Agent::stand_in(Protocol protocol, const IpAddress& ordinary,
                                         const Asker& asker) {
  const auto way = allowed(asker) ? destinations_.of_address(ordinary) : Way::kDirect;
  if (way == Way::kDirect) return std::nullopt;
  // Nobody but the program can tell whether its datagrams are heard: a route counts as reachable.
  if (way == Way::kAfterDirect && protocol == Protocol::kUdp && loop::has_route(ordinary))
    return std::nullopt;
  return pool_address(ordinary);
}

void Agent::on_program_connected(ProgramConnect& connect, session::SessionLink& link,
                                 mux::StreamId stream, UniqueFd program) {
  flows_.add(self_.loop, link, stream, std::move(program));
  connects_.erase(&connect);
}

void Agent::on_program_connected_directly(ProgramConnect& connect, UniqueFd program,
                                          UniqueFd destination) {
  direct_flows_.add(std::move(program), std::move(destination));
  connects_.erase(&connect);
}

void Agent::on_program_connect_ended(ProgramConnect& connect) {
  names_.forget(connect.name());
  connects_.erase(&connect);
}

Publisher& Agent::publisher(Protocol protocol) {
  return protocol == Protocol::kTcp ? publisher_ : udp_publisher_;
}

void Agent::publish(Protocol protocol) {
  if (protocol == Protocol::kTcp) return uplink_.publish(publisher_.ports());
  uplink_.publish_udp(udp_publisher_.ports());
}

void Agent::on_listening(const ProgramListener& listener) {
  if (listener_file_) listener_file_->changed();
  if (!allowed(listener.asker) || !publisher(listener.protocol).admits(listener)) return;
  if (listener.protocol == Protocol::kUdp) datagrams_.seats().add(listener);
  consent_.ask(listener);
}

void Agent::on_may_publish(const ProgramListener& listener) {
  if (publisher(listener.protocol).add(listener) && publishing_) publish(listener.protocol);
}

void Agent::on_listener_gone(const ProgramListener& listener) {
  if (listener_file_) listener_file_->changed();
  consent_.forget(listener);
  if (listener.protocol == Protocol::kUdp) datagrams_.seats().remove(listener);
  if (publisher(listener.protocol).remove(listener)) publish(listener.protocol);
}

void Agent::on_uplink_changed() {
  tell_status(status_line());
  names_.forget_all();
  if (!uplink_.up()) return trials_.forget();
  if (proxy_udp_.set_way(*uplink_.way()) && service_path_) service_path_->place_changed();
  learn_place();
  if (!stopping_) mapper_six_.check();
  if (!stopping_) mapper_.check();  // what cut us off may have been the gateway's restart
}

void Agent::on_network_changed() {
  if (stopping_) return;
  log::info("agent", {{"event", "network-changed"}});
  if (destinations_.discovers()) destinations_.set_local(discover_local_network());
  ask_gateway();
  proxy_udp_.network_changed();
  suspect_connections();
}

void Agent::suspect_connections() {
  udp_witness_.look();
  uplink_.network_changed();
  peers_.network_changed();
  for (const auto& session : incoming_) session->network_changed();
}

void Agent::on_incoming(const control::Incoming& incoming) {
  const auto* way = uplink_.way();
  if (way == nullptr || stopping_) return;
  if (incoming_.size() >= kMostIncoming)
    return log::warning(
        "peer",
        {{"event", "call-ignored"}, {"caller", incoming.caller}, {"why", "too many sessions"}});
  if (place_.enabled()) udp_.prepare();
  incoming_.push_back(std::make_unique<IncomingSession>(
      policy(), *way, incoming, static_cast<IncomingSession::Listener&>(*this)));
}

IncomingSession* Agent::find_session(const crypto::PublicKey& caller,
                                     const control::SessionName& session) {
  for (const auto& one : incoming_)
    if (one->is(caller, session)) return one.get();
  return nullptr;
}

// A caller that begins anew was started anew: what its sessions left here without a carrier belongs
// to nobody, and its programs' connections end now rather than when grace has passed.
void Agent::on_incoming_session_up(IncomingSession& session) {
  for (const auto& other : incoming_)
    if (other->is_left_by(session)) other->close("its caller has begun anew");
  // Others call here, too. The oldest is the first.
  auto of_caller = std::ranges::count_if(
      incoming_, [&](const auto& other) { return other->is_of_caller_of(session); });
  for (const auto& other : incoming_)
    if (of_caller > kMostOfCaller && other->is_of_caller_of(session)) {
      other->close("its caller has too many sessions here");
      --of_caller;
    }
  tell_expected();
}

void Agent::on_incoming_session_ended(IncomingSession& ended) {
  std::erase_if(incoming_, [&](const auto& session) { return session.get() == &ended; });
  tell_expected();
  save_peer_keys();
}

bool Agent::is_here(const std::string& name) const {
  return name == self_.identity.name ||
         std::any_of(incoming_.begin(), incoming_.end(), [&](const auto& one) {
           return one->link() != nullptr && one->link()->attached() && one->caller() == name;
         });
}

// Those whose sessions live here may call again although nothing is published any more, and those
// that are called may call back: they hear from us that a port is closed, not from the service that
// there is no such machine.
void Agent::tell_expected() {
  std::set<std::string> callers;
  for (const auto& one : peers_.all()) callers.insert(one->name());
  for (const auto& one : incoming_)
    if (one->link() != nullptr) callers.insert(one->caller());
  uplink_.expect({callers.begin(), callers.end()});
}

}  // namespace culvert::agent
