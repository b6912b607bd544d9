// What the agent tells people about itself: culvert status, culvert why, the service manager's
// line.
#include "agent/agent.h"

namespace culvert::agent {
namespace {

constexpr const char* kVersion = CULVERT_VERSION;

std::int64_t seconds(UnixTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

template <class Counters>
void count(const session::SessionLink& link, Counters& out) {
  const auto& session = link.session();
  out.round_trip_ms = std::chrono::duration<double, std::milli>(session.round_trip()).count();
  out.octets_sent = session.octets_sent();
  out.octets_received = session.octets_received();
  out.carriers = link.carriers();
  out.interactive_lane = link.has_lane();
}

PeerStatus peer_status(const std::string& name, bool incoming, UnixTime since, const PeerWay& way,
                       const session::SessionLink* link, const UdpPath* udp) {
  PeerStatus out;
  out.name = name;
  out.incoming = incoming;
  out.via = way.via;
  out.address = way.with;
  out.since = seconds(since);
  if (udp != nullptr && udp->up()) {
    out.udp = udp->peer().to_string();
    out.udp_round_trip_ms = std::chrono::duration<double, std::milli>(udp->round_trip()).count();
  } else if (udp != nullptr && udp->is_wanted()) {
    out.udp_why = udp->why();
  }
  if (udp != nullptr && (udp->is_wanted() || udp->up()))
    out.datagrams = udp->up() ? "direct" : udp->by_service() ? "service" : "session";
  out.state = link == nullptr || !link->up() ? "connecting" : link->attached() ? "up" : "resuming";
  if (link == nullptr) return out;
  out.streams = link->session().streams().stream_count() - 1;  // without the control stream
  count(*link, out);
  return out;
}

const char* to_word(control::Inbound inbound) {
  switch (inbound) {
    case control::Inbound::kOpen: return "open";
    case control::Inbound::kClosed: return "closed";
    case control::Inbound::kUnknown: break;
  }
  return "unknown";
}

// `inbound`: of connections or packets that come in by it.
MappingStatus mapping_status(const portmap::Mapper::PortReport& report, control::Inbound inbound,
                             TimePoint now) {
  MappingStatus out;
  out.protocol = portmap::to_string(report.port.protocol);
  out.port = report.port.number;
  out.why = report.why;
  if (!report.mapping) return out;
  out.external = report.mapping->external.to_string();
  out.by = portmap::to_string(report.mapping->method);
  out.seconds =
      std::chrono::duration_cast<std::chrono::seconds>(report.mapping->expires_at - now).count();
  out.inbound = to_word(inbound);
  return out;
}

// What the discovery servers do not answer may still pass in one direction: the path to the service
// tells, which each side hears of in the session.
std::string udp_word(const UdpSight& sight, bool by_six, const UdpPath* service) {
  if (by_six && !sight.mapped) return "passes";
  if (!sight.asked) return "";
  if (sight.mapped) return "passes";
  if (service != nullptr && service->has_been_up() && service->by_proxy()) return "proxied";
  if (service == nullptr || service->has_been_up() == service->heard()) return "blocked";
  return service->has_been_up() ? "out-only" : "in-only";
}

void add_udp(PlaceStatus& out, const UdpPlace& udp, const UdpPath* service, const ProxyUdp& proxy,
             const OwnPlace& place, const std::optional<stun::Behaviour>& behaviour) {
  const auto& sight = udp.last_sight();
  out.udp = udp_word(sight, place.udp_seen_six().has_value(), service);
  out.udp_proxy = proxy.socket() != nullptr ? "relays" : proxy.why_not();
  if (place.udp_seen_six()) out.udp_seen = place.udp_seen_six()->to_string();
  if (sight.mapped) out.udp_seen = sight.mapped->to_string();
  if (sight.mapped)
    out.udp_ports =
        punch::describe(sight.allocation) + (sight.of_low_ports ? " below 1024, else any" : "");
  if (!behaviour || !behaviour->udp) return;
  out.udp_mapping = to_string(behaviour->mapping);
  out.udp_filtering = to_string(behaviour->filtering);
}

PlaceStatus place_status(const OwnPlace& place, bool map_port, const portmap::Mapper& mapper,
                         const portmap::Mapper& mapper_six, control::Inbound udp_mapping,
                         TimePoint now) {
  PlaceStatus out;
  out.direct = place.enabled();
  out.port = place.port();
  if (place.seen()) out.seen = place.seen()->to_string();
  for (const auto& also : place.stated()) out.stated.push_back(also.to_string());
  out.inbound = to_word(place.inbound());
  out.inbound_why = place.inbound_why();
  if (place.other_stated()) out.other_inbound = to_word(place.other_inbound());
  out.map_port = map_port;
  const auto is_tcp = [](const auto& one) { return one.port.protocol == portmap::Protocol::kTcp; };
  for (const auto& one : mapper.report())
    out.mappings.push_back(
        mapping_status(one, is_tcp(one) ? place.mapped_inbound() : udp_mapping, now));
  for (const auto& one : mapper_six.report())
    if (one.mapping)
      out.mappings.push_back(
          mapping_status(one, is_tcp(one) ? place.six_inbound() : control::Inbound::kUnknown, now));
  return out;
}

}  // namespace

void Agent::on_status_asked(std::unique_ptr<StatusQuestion> question) {
  if (!allowed(question->asker())) return;
  question->answer(to_json(status()));
}

void Agent::on_why_asked(std::unique_ptr<StatusQuestion> question, const std::string& host) {
  Destinations::Steps steps;
  auto way = Way::kDirect;
  std::string path;
  if (!allowed(question->asker())) {
    steps.emplace_back("The agent's configuration does not let this user ([access] users).");
  } else if (const auto address = IpAddress::parse(host)) {
    way = why_address(*address, steps);
  } else if (const auto name = resolver::canonical_name(host)) {
    way = destinations_.of_name(*name, &steps);
    path = peers_.path_to(*name);
  } else {
    steps.push_back(name.error().detail + ".");
  }
  if (way != Way::kDirect) steps.push_back("The agent is " + status_line() + ".");
  if (!path.empty()) steps.push_back(std::move(path));
  std::string text = way == Way::kDirect ? "direct\n" : "carried\n";
  for (const auto& step : steps) text += step + "\n";
  question->answer(std::move(text));
}

// An address of the pool stands for a name, or for an ordinary address.
Way Agent::why_address(const IpAddress& address, Destinations::Steps& steps) const {
  if (!pool_.contains(address)) return destinations_.of_address(address, &steps);
  const std::string name{pool_.name_of(address, loop::Loop::wall_clock())};
  if (name.empty()) {
    steps.push_back(address.to_string() + " is a virtual address that stands for no name now.");
    return Way::kDirect;
  }
  steps.push_back(address.to_string() + " is the virtual address of '" + name + "'.");
  return destinations_.of_name(name, &steps);
}

std::string Agent::status_line() const {
  if (!uplink_.up()) return "connecting to the service: " + uplink_.why();
  return self_.identity.name + " up via " + to_string(*uplink_.way());
}

StatusReport Agent::status() const {
  StatusReport out;
  out.version = kVersion;
  out.name = self_.identity.name;
  out.expiry = expiry_warning(self_.identity.certificate, loop::Loop::wall_clock());
  out.domain = self_.identity.domain;
  out.service = config_.service.value_or(self_.identity.service).to_string();
  out.session.state = to_string(uplink_.state());
  out.session.why = uplink_.why();
  out.session.since = seconds(uplink_.since());
  if (const auto* way = uplink_.way()) {
    out.session.via = way->recipe->name;
    out.session.address = way->first_hop.to_string();
    if (way->proxy) out.session.proxy = way->proxy->to_string();
    if (way->proxy) out.session.proxy_source = way->proxy->source;
    out.session.interceptor = uplink_.interceptor();
    if (service_path_ && service_path_->up()) out.session.udp = service_path_->peer().to_string();
    count(*uplink_.link(), out.session);
  }
  for (const auto& peer : peers_.all()) {
    out.peers.push_back(
        peer_status(peer->name(), false, peer->since(), peer->way(), peer->link(), peer->udp()));
    out.peers.back().why = peer->why_not_direct();
  }
  for (const auto& peer : incoming_)
    if (!peer->is_direct_stranger())
      out.peers.push_back(
          peer_status(peer->caller(), true, peer->since(), peer->way(), peer->link(), peer->udp()));
  out.place = place_status(place_, config_.direct.map_port, mapper_.core(), mapper_six_.core(),
                           udp_mapping_.tried(), self_.loop.now());
  add_udp(out.place, udp_, service_path_ ? &*service_path_ : nullptr, proxy_udp_, place_,
          udp_behaviour_.result());
  out.streams = flows_.size() + direct_flows_.size();
  for (const auto& peer : incoming_) out.streams += peer->stream_count();
  out.udp_flows = datagrams_.flow_count();
  for (const auto& peer : incoming_) out.udp_flows += peer->datagram_flow_count();
  out.published_udp = udp_publisher_.ports();
  out.held_connects = gate_.pending_connects();
  out.published = publisher_.ports();
  out.names = pool_.size();
  out.pool = config_.pool.to_string();
  out.low_ports_mapped = gate_.low_ports_mapped();
  out.exact_refusals = gate_.refusals_exact();
  return out;
}

}  // namespace culvert::agent
