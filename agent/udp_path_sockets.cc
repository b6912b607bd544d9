// The sockets of a UDP path: which there are, where bursts go, and what leaves by them.
#include "agent/udp_path.h"

#include "tunnel/base/log.h"
#include "tunnel/loop/local_address.h"

namespace culvert::agent {
namespace {

TimePoint now() { return loop::Loop::precise_now(); }

}  // namespace

bool UdpPath::admits(const IpAddress& from) const {
  return punch::may_hear(from, ground_) ||
         (peer_key_ && punch::may_hear_beyond(from, ground_) &&
          udp_.private_reach().hear(peer_key_->view(), from, now()));
}

// A private address may also be one of a network behind a tunnel of this machine (a VPN,
// containers): the peer is behind the same NAT by the way that leads outside, and by no other.
bool UdpPath::leads_outside(const IpAddress& to) const {
  const auto server = udp_.server_in_reach(to.is_v4());
  if (!server) return false;
  const auto from = loop::own_address_towards(to);
  return from && from == loop::own_address_towards(server->ip);
}

std::vector<punch::Dial> UdpPath::dials() const {
  auto out = punch::udp_dials(theirs_->candidates, ground_);
  std::erase_if(out, [&](const punch::Dial& one) {
    return one.beyond && !(peer_key_ && leads_outside(one.to.ip) &&
                           udp_.private_reach().dial(peer_key_->view(), one.to.ip, now()));
  });
  return out;
}

// The route leads to the peer, whatever was remembered of that.
void UdpPath::note_found() {
  if (const auto pair = networks()) udp_.chances().found(*pair);
  const auto& at = core_.route().peer.ip;
  if (peer_key_ && punch::may_hear_beyond(at, ground_))
    udp_.private_reach().found(peer_key_->view(), at, now());
}

// Predicted ports at once, as others take them. What goes by chance, when plain probes have had the
// time to get there and back: it costs more than all of these.
void UdpPath::add_burst(std::vector<path::Target>& targets, const SocketAddress& peer) {
  burst_at_.reset();
  burst_to_ = peer;
  if (is_let_in()) return;
  const auto plan = plan_of_burst(punch::kMostMappings);
  if (plan.by_chance) burst_at_ = now() + Duration{kPlainFirst};
  if (plan.empty() || plan.by_chance) return;
  ++bursts_;
  for (const auto& target : burst_.make(plan, now())) targets.push_back(target);
}

// A packet of the peer's that came to a barrier after that had lost its table may have been taken
// for its own: then it keeps that entry, which every further probe renews, and gives our packets
// another port; Linux gives that one to all that the socket sends from then on, wherever to.
// Another socket of ours has no entry anywhere.
bool UdpPath::begin_fresh() {
  using Kind = control::Allocation::Kind;
  own_socket_ = 0;
  const bool wanted = std::exchange(from_fresh_, false);
  if (!wanted || !theirs_ || is_let_in() || by_proxy() || sight_.allocation.kind != Kind::kSame ||
      theirs_->allocation.kind != Kind::kSame)
    return false;
  burst_.clear();
  const auto number = burst_.add(/*v4=*/true);
  if (!number) return false;
  own_socket_ = fresh_socket_ = *number;
  fresh_.emplace(self_, udp_, burst_[*number], udp_.server_in_reach(/*v4=*/true),
                 static_cast<FreshMapping::Listener&>(*this));
  return true;
}

punch::Plan UdpPath::plan_of_burst(std::size_t budget) const {
  return punch::plan_burst(sight_.allocation, theirs_->allocation, burst_to_, budget, self_.random);
}

std::size_t UdpPath::left_for_chance() const {
  // Before its first offer nobody knows where the peer is: another pair's rest says enough.
  return udp_.chances().left(networks().value_or(punch::Chances::Pair{}), now());
}

std::optional<punch::Chances::Pair> UdpPath::networks() const {
  const auto& own = sight_.mapped ? sight_.mapped : place_.seen();
  if (!own || !peer_seen_) return std::nullopt;
  return punch::Chances::Pair{own->ip, peer_seen_->ip};
}

void UdpPath::burst_by_chance() {
  burst_at_.reset();
  const auto budget = left_for_chance();
  const auto pair = networks();
  if (!core_.searching() || !pair || !own_chance_ || theirs_->sparing || budget == 0) return;
  const auto plan = plan_of_burst(budget);
  udp_.chances().tried(*pair, plan.shots.size(), plan.probability, plan.draws_here, now());
  log::info("udp", {{"event", "by-chance"},
                    {"packets", plan.shots.size()},
                    {"sockets", plan.sockets},
                    {"percent", static_cast<int>(100 * plan.probability)}});
  core_.add_targets(burst_.make(plan, now()), now());
}

std::optional<std::size_t> UdpPath::number_of(const loop::UdpSocket& socket) const {
  if (proxy_ != nullptr && &socket == proxy_->socket()) return ProxyUdp::kSocket;
  return burst_.number_of(socket);
}

void UdpPath::send_by(const path::Route& route, const std::vector<Bytes>& packets) {
  if (packets.empty()) return;
  if (route.socket == ProxyUdp::kSocket) {
    if (proxy_ != nullptr) proxy_->send(route.peer, packets);
  } else if (const auto fd = burst_.fd_of(route.socket, route.peer.ip.is_v4()); fd >= 0) {
    send_packets(fd, route.peer, packets);
  }
}

// What the turn has made leaves; then the state is looked at.
void UdpPath::run_deferred() {
  if (const auto counter = core_.take_seen(); counter && theirs_)
    link_.send(control::PathSeen{theirs_->path, *counter});
  const auto output = core_.take_output();
  const auto opaque = std::exchange(opaque_, {});
  for (std::size_t i = 0; i < output.size();) {
    std::vector<Bytes> together;
    const auto& route = output[i].route;
    if (output[i].opener) {
      const bool v4 = route.peer.ip.is_v4();
      const auto ttl = v4 ? udp_.opener_ttl() : std::nullopt;
      if (const auto fd = burst_.fd_of(route.socket, v4); fd >= 0 && ttl)
        send_opener(fd, route.peer, output[i].octets, *ttl);
      ++i;
      continue;
    }
    while (i < output.size() && output[i].route == route && !output[i].opener)
      together.push_back(output[i++].octets);
    send_by(route, together);
  }
  const std::vector<Bytes> together(opaque.begin(), opaque.end());
  send_by(core_.route(), together);
  look_at_state();
  arm();
}

}  // namespace culvert::agent
