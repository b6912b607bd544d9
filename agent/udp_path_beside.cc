// New mappings for a path that is up, before the old ones end: both sides take a new socket, and
// the path moves there (path::Path::probe_beside()).
#include "agent/peer_statements.h"
#include "agent/udp_path.h"
#include "tunnel/loop/local_address.h"

namespace culvert::agent {
namespace {

TimePoint now() { return loop::Loop::precise_now(); }

}  // namespace

void UdpPath::take_their(const control::PathOffer& offer) {
  theirs_ = offer;
  if (peer_key_) peer_stated_ = stated_addresses(self_, *peer_key_, offer.statements);
}

// Where the route leads outside. In one network there is no translator that could forget.
std::optional<punch::Lifetimes::Pair> UdpPath::networks_of_route() const {
  const auto& peer = core_.route().peer.ip;
  const auto& own = !peer.is_v4()   ? place_.udp_seen_six()
                    : sight_.mapped ? sight_.mapped
                                    : place_.seen();
  if (!own || by_proxy() || !peer.is_global()) return std::nullopt;
  return punch::Lifetimes::Pair{own->ip, peer};
}

std::optional<TimePoint> UdpPath::renew_at() const {
  if (udp_.lifetimes().empty() || !core_.up()) return std::nullopt;
  const auto pair = networks_of_route();
  const auto age = pair ? udp_.lifetimes().renew_at(*pair, now()) : std::nullopt;
  if (!age) return std::nullopt;
  return std::max(route_since_ + *age, renew_tried_at_ + Duration{kRenewAgain});
}

void UdpPath::renew(bool as_caller) {
  if (const auto pair = networks_of_route()) udp_.lifetimes().lives(*pair, now() - route_since_);
  renew_tried_at_ = now();
  if (as_caller) return begin_beside();
  control::PathOffer please = core_.own_offer();
  please.round = 0;
  please.beside = true;
  link_.send(please);
}

void UdpPath::begin_beside() {
  if (!core_.up() || fresh_ || core_.looks_beside() || by_proxy() || !link_.attached()) return;
  const bool v4 = core_.route().peer.ip.is_v4();
  const auto number = burst_.add(v4);
  if (!number) return;
  fresh_socket_ = *number;
  beside_at_ = renew_tried_at_ = now();
  close_old_at_ = now() + Duration{path::Path::kRound} + Duration{kOldSocket};
  if (is_caller()) ++round_;
  fresh_.emplace(self_, udp_, burst_[*number], udp_.server_in_reach(v4),
                 static_cast<FreshMapping::Listener&>(*this));
}

void UdpPath::on_fresh_mapping(const std::optional<SocketAddress>& mapped) {
  const auto port = loop::local_address(burst_[fresh_socket_].fd()).port;
  if (!core_.up()) {
    send_offer(port, mapped);
    return fresh_.reset();  // last: it is the caller
  }
  const bool v4 = core_.route().peer.ip.is_v4();
  auto offer = core_.own_offer();
  offer.round = round_;
  offer.beside = offer.sparing = true;
  std::vector<SocketAddress> outside;
  if (mapped) outside.push_back(*mapped);
  offer.candidates = place_.udp_candidates(
      v4 ? OwnPlace::UdpPorts{port, 0} : OwnPlace::UdpPorts{0, port}, outside);
  std::erase_if(offer.candidates, [&](const control::Candidate& one) {
    return one.at.port == place_.udp_mapped_port() || one.at.ip.is_v4() != v4;
  });
  offer.statements = place_.statements();
  link_.send(offer);
  if (is_caller())
    beside_round_ = round_;
  else
    probe_beside();
  schedule();
  fresh_.reset();  // last: it is the caller
}

void UdpPath::probe_beside() {
  core_.set_peer(*theirs_, is_caller());
  ground_ = place_.ground(peer_seen_, peer_stated_);
  std::vector<path::Target> targets;
  const bool v4 = core_.route().peer.ip.is_v4();
  for (const auto& dial : dials())
    if (dial.to.ip.is_v4() == v4) targets.push_back({{fresh_socket_, dial.to}});
  core_.probe_beside(targets, now());
  schedule();
}

}  // namespace culvert::agent
