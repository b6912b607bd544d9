#include "agent/udp_path.h"

#include <algorithm>

#include "tunnel/base/log.h"
#include "tunnel/crypto/hkdf.h"

namespace culvert::agent {
namespace {

TimePoint now() { return loop::Loop::precise_now(); }

path::Path with_free_name(const OwnEndpoint& self, const UdpPlace& udp) {
  path::Path core(self.random);
  while (udp.has(core.name())) core = path::Path(self.random);
  return core;
}

}  // namespace

UdpPath::UdpPath(const OwnEndpoint& self, const OwnPlace& place, UdpPlace& udp,
                 session::SessionLink& link, Role role)
    : Deferred(self.loop),
      self_(self),
      place_(place),
      udp_(udp),
      link_(link),
      role_(role),
      core_(with_free_name(self, udp)),
      burst_(udp),
      timer_(self.loop, *this) {
  udp_.add(core_.name(), *this);
  link_.set_datagram_path(this);
}

UdpPath::~UdpPath() {
  link_.set_datagram_path(nullptr);
  udp_.remove(core_.name());
  udp_.forget(*this);
  if (proxy_ != nullptr) proxy_->forget(*this);
}

std::size_t UdpPath::most_octets() const { return core_.most_octets() - path::kOpaqueHeader; }

std::optional<Secret<32>> UdpPath::key_for(std::string_view purpose) const {
  if (!theirs_) return std::nullopt;
  const auto keys = path::derive_keys(core_.own_offer(), *theirs_, is_caller());
  return crypto::derive_key(is_caller() ? keys.sending : keys.receiving, purpose);
}

void UdpPath::want() {
  wanted_ = true;
  if (core_.state() != path::Path::State::kResting || looking_ || answer_until_) return;
  if (now() < rest_until_ || !udp_.is_open() || !link_.attached()) return;
  if (is_caller()) return begin();
  // Rounds are the caller's.
  rest_until_ = now() + Duration{kAskAgain};
  control::PathOffer please = core_.own_offer();
  please.round = 0;
  link_.send(please);
}

void UdpPath::begin() {
  ++round_;
  wanted_ = looking_ = true;
  has_sight_ = false;
  awaiting_proxy_ = proxy_ != nullptr && proxy_->look(*this);
  const bool proxied = awaiting_proxy_ || (proxy_ != nullptr && proxy_->socket() != nullptr);
  // Asking those who did not answer takes a second, in which the proxy could carry.
  const auto& last = udp_.last_sight();
  if (proxied && last.asked && !last.mapped) return on_udp_seen(UdpSight{last});
  udp_.look_unless_fresh(*this);
}

bool UdpPath::carry(mux::StreamId stream, Bytes datagram) {
  if (!core_.up()) {
    want();
    return carry_by_service(stream, datagram);
  }
  // A longer one would be cut on the way, and barriers lose what is cut.
  if (datagram.size() + path::kDatagramOverhead > core_.most_octets()) return false;
  core_.send(static_cast<std::uint32_t>(stream), datagram, now());
  schedule();
  return true;
}

bool UdpPath::by_service() const {
  if (core_.up() || !relay_ || !core_.has_peer()) return false;
  const auto legs = relay_->udp_legs();
  return legs == 2 || (legs == 1 && !(carrier_is_direct_ && link_.attached()));
}

bool UdpPath::carry_by_service(mux::StreamId stream, Bytes datagram) {
  if (!by_service()) {
    const bool resting = core_.state() == path::Path::State::kResting;
    if ((resting || one_way()) && !looking_ && !answer_until_) invite_to_relay();
    return false;
  }
  if (datagram.size() + path::kDatagramOverhead > RelayLeg::kMostOctets) return false;
  relay_->send(core_.seal_datagram(static_cast<std::uint32_t>(stream), datagram));
  return true;
}

void UdpPath::invite_to_relay() {
  if (!core_.has_peer() || udp_.relay_door() == nullptr) return;
  if (invited_at_ && now() - *invited_at_ < Duration{kRelayAgain}) return;
  invited_at_ = now();
  open_relay();
  link_.send(control::PathRelay{theirs_->path});
}

// Where to meet is for the two to know, and for the service.
void UdpPath::open_relay() {
  const auto token = key_for("relay token");
  if (!core_.has_peer() || !token || udp_.relay_door() == nullptr) return;
  if (!relay_)
    relay_.emplace(self_.loop, *udp_.relay_door(), static_cast<RelayLeg::Listener&>(*this));
  relay_->open(to_hex(token->view()));
}

void UdpPath::on_relayed(std::span<const mux::ArrivedDatagram> packets) {
  for (const auto& packet : packets)
    if (const auto datagram = core_.open_datagram(packet.data)) keep(*datagram);
  on_path_batch_ended();
}

void UdpPath::keep(const path::Path::Datagram& datagram) {
  batch_.keep(static_cast<mux::StreamId>(datagram.stream), datagram.data);
}

void UdpPath::send(Bytes packet) {
  if (!core_.up()) return;
  opaque_.push_back(path::opaque_packet(theirs_->path, packet));
  core_.used(now());
  schedule();
}

void UdpPath::take(const control::Message& message, const std::optional<SocketAddress>& peer_seen) {
  if (const auto* const offer = std::get_if<control::PathOffer>(&message)) {
    peer_seen_ = peer_seen;
    return take(*offer);
  }
  if (const auto* const relay = std::get_if<control::PathRelay>(&message)) {
    if (relay->path == core_.name()) open_relay();
    return;
  }
  const auto* const seen = std::get_if<control::PathSeen>(&message);
  if (seen == nullptr || seen->path != core_.name()) return;
  core_.seen(seen->counter, now());
  schedule();
}

void UdpPath::take(const control::PathOffer& offer) {
  if (is_caller() && offer.round == 0 && offer.beside && core_.up()) return begin_beside();
  if (is_caller() && beside_round_ == offer.round) {
    beside_round_.reset();
    take_their(offer);
    return probe_beside();
  }
  if (is_caller() && offer.round == 0) {
    if (now() - begun_at_ >= Duration{kLeastPause} && !looking_ && !answer_until_) begin();
    return;
  }
  if (is_caller()) {
    if (!answer_until_ || offer.round != round_) return;
    answer_until_.reset();
    take_their(offer);
    return probe();
  }
  if (offer.round == 0 || (begun_at_ != TimePoint{} && now() - begun_at_ < Duration{kLeastPause}))
    return;
  begun_at_ = now();
  take_their(offer);
  round_ = offer.round;
  if (offer.beside && core_.up()) return begin_beside();
  wanted_ = looking_ = true;
  udp_.look_unless_fresh(*this);
}

void UdpPath::on_udp_seen(const UdpSight& sight) {
  if (!looking_) return;
  sight_ = sight;
  has_sight_ = true;
  if (!awaiting_proxy_) offer();
}

void UdpPath::on_proxy_udp_looked() {
  awaiting_proxy_ = false;
  if (looking_ && has_sight_) offer();
}

void UdpPath::offer() {
  if (!begin_fresh()) send_offer(udp_.local(true).port, sight_.mapped);
}

void UdpPath::send_offer(std::uint16_t port, const std::optional<SocketAddress>& seen) {
  looking_ = false;
  const auto& sight = sight_;
  auto offer = core_.own_offer();
  offer.round = round_;
  offer.allocation = sight.allocation;
  if (is_let_in())
    offer.allocation = {control::Allocation::Kind::kSame, 0, 0, 0, place_.udp_mapped_port()};
  own_chance_ = left_for_chance() > 0;
  offer.sparing = !own_chance_;
  offer.unseen = sight.asked && !sight.mapped && !place_.udp_seen_six();
  std::vector<SocketAddress> mapped;
  for (const auto& one : {seen, place_.udp_seen_six()})
    if (one) mapped.push_back(*one);
  if (udp_.is_open())
    offer.candidates = place_.udp_candidates({port, udp_.local(false).port}, mapped);
  offer.statements = place_.statements();
  link_.send(offer);
  if (!is_caller()) return probe();
  begun_at_ = now();
  answer_until_ = now() + Duration{kAnswerLimit};
  arm();
}

void UdpPath::probe() {
  probed_at_ = now();
  fresh_.reset();
  beside_round_.reset();
  ground_ = place_.ground(peer_seen_, peer_stated_);
  core_.set_peer(*theirs_, is_caller());
  std::vector<path::Target> targets;
  std::optional<SocketAddress> outside;
  for (const auto& dial : dials()) {
    // What is held back for the sake of translators, IPv6 goes without.
    const bool v4 = dial.to.ip.is_v4();
    targets.push_back(
        {{v4 ? own_socket_ : 0, dial.to}, /*once=*/dial.beyond, dial.rank, /*held=*/v4});
    if (!dial.lan && !outside && v4) outside = dial.to;
    if (proxy_ != nullptr && proxy_->socket() != nullptr)
      targets.push_back({{ProxyUdp::kSocket, dial.to}});
  }
  if (!core_.up() && own_socket_ == 0) burst_.clear();
  if (outside && !core_.up()) add_burst(targets, *outside);
  core_.probe(targets, now(), round_limit(targets.empty()), hold(), !is_let_in());
  schedule();
}

// By a port that the gateway maps, while what we send leaves by another one for each destination. A
// packet of ours that goes first would keep the peer's out: to the gateway they are of one flow.
bool UdpPath::is_let_in() const {
  return place_.udp_mapped_port() != 0 &&
         sight_.allocation.kind != control::Allocation::Kind::kSame;
}

// The caller sends when our offer has got there, and so behind our openers: its probes come in by
// then, and ours do not meet a barrier that its own have not opened yet.
Duration UdpPath::hold() const {
  if (is_let_in())
    return link_.session().round_trip() + Duration{is_caller() ? kLetInFirst : kAnswererLetInFirst};
  if (is_caller() || !udp_.opener_ttl()) return {};
  return link_.session().round_trip() + Duration{kOpenerMargin};
}

bool UdpPath::one_way() const {
  return (theirs_ && theirs_->unseen) || (sight_.asked && !sight_.mapped);
}

Duration UdpPath::round_limit(bool nobody) const {
  if (nobody) return kRoundInVain;
  return one_way() ? Duration{kRoundOneWay} : Duration{path::Path::kRound};
}

void UdpPath::place_changed() {
  has_been_up_ = false;
  patience_.reset();
  rest_until_ = {};
}

void UdpPath::on_path_packet(const loop::UdpSocket& socket, const SocketAddress& from,
                             Bytes packet) {
  const auto number = number_of(socket);
  if (!number || !admits(from.ip)) return;
  const auto datagram = core_.receive(packet, {*number, from}, now());
  if (datagram) keep(*datagram);
}

void UdpPath::on_opaque_packet(const loop::UdpSocket&, const SocketAddress& from, Bytes packet) {
  if (user_ != nullptr && admits(from.ip)) user_->on_udp_packet(*this, packet);
}

void UdpPath::on_path_batch_ended() {
  batch_.hand_over([this](const auto& arrived) { link_.take_datagrams(arrived); });
  if (user_ != nullptr) user_->on_udp_packets_ended(*this);
  schedule();
}

void UdpPath::on_timer(loop::Timer&) {
  armed_for_.reset();
  if (answer_until_ && now() >= *answer_until_) {
    answer_until_.reset();
    rest("the other machine does not answer about UDP paths", patience_.failed());
  }
  if (burst_at_ && now() >= *burst_at_) burst_by_chance();
  if (const auto at = burst_.close_unused_at(); at && now() >= *at) burst_.close_unused(core_);
  if (close_old_at_ && now() >= *close_old_at_) {
    close_old_at_.reset();
    const auto since = now() - Duration{kOldSocket} / 2;
    if (core_.up() && burst_.close_silent(core_, core_.route().socket, since))
      close_old_at_ = now() + Duration{kOldSocket};
  }
  if (const auto at = renew_at(); at && now() >= *at) renew(is_caller());
  core_.tick(now());
  schedule();
}

void UdpPath::look_at_state() {
  using State = path::Path::State;
  using Ended = path::Path::Ended;
  const auto before = std::exchange(was_, core_.state());
  if (core_.up() && (before != State::kUp || was_at_ != core_.route())) {
    const bool renewed = before == State::kUp && beside_at_ > up_since_;
    const bool followed = before == State::kUp && !renewed;
    if (const auto pair = followed ? networks_of_route() : std::nullopt)
      udp_.lifetimes().died(*pair, now() - Duration{path::Path::kQuiet} - route_since_, now());
    was_at_ = core_.route();
    up_since_ = now();
    const auto began = renewed ? beside_at_ : followed ? up_since_ : probed_at_;
    route_since_ = std::min(began, core_.heard_from_since(was_at_.peer).value_or(began));
    if (before == State::kUp) close_old_at_ = now() + Duration{kOldSocket};
    has_been_up_ = true;
    why_.clear();
    bursts_ = 0;
    note_found();
    log::info("udp", {{"event", followed  ? "followed"
                                : renewed ? "renewed"
                                          : "up"},
                      {"with", was_at_.peer.to_string()},
                      {"role", is_caller() ? "caller" : "answerer"}});
    if (user_ != nullptr) user_->on_udp_path_up(*this);
  }
  if (core_.up() || before == core_.state()) return;
  if (before == State::kUp) {
    const bool silent = core_.ended() == Ended::kSilent;
    log::info("udp", {{"event", "down"},
                      {"with", was_at_.peer.to_string()},
                      {"why", silent ? "no answer" : "not used"}});
    if (const auto pair = networks_of_route(); pair && silent)
      udp_.lifetimes().died(*pair, now() - Duration{path::Path::kSilence} - route_since_, now());
    fresh_.reset();
    if (silent) udp_.distrust_sight();
    if (silent && by_proxy() && proxy_ != nullptr) proxy_->give_up("no answer comes by it");
    if (core_.ended() == Ended::kIdle)
      rest("it is not used at the moment", Duration::zero());
    else
      rest("the UDP path was lost; it is tried again", patience_.lost(now() - up_since_));
    from_fresh_ = silent;
    if (user_ != nullptr) user_->on_udp_path_down(*this);
  } else if (core_.state() == State::kResting) {
    if (proxy_ != nullptr) proxy_->give_up("the service is not reached by it");
    const bool again = bursts_ % kBurstsAtOnce != 0;
    auto pause = again ? Duration{kLeastPause} : patience_.failed();
    const auto pair = networks();
    if (const auto next = pair ? udp_.chances().until_next(*pair, now()) : std::nullopt)
      pause = std::min(pause, *next);
    rest(why_nothing_found(), pause);
    log::info("udp", {{"event", "not-found"}, {"why", why_}});
  }
}

std::string UdpPath::why_nothing_found() const {
  if (sight_.asked && !sight_.mapped)
    return "UDP does not get out of this network, or not in (the discovery servers do not answer)";
  if (theirs_ && (theirs_->unseen || theirs_->candidates.empty()))
    return "the other machine gets no UDP out, or none in";
  if (theirs_)
    if (auto why = punch::why_no_burst(sight_.allocation, theirs_->allocation);
        !why.empty() && !is_let_in())
      return why;
  if (const auto pair = networks(); pair && udp_.chances().until_next(*pair, now()))
    return "no UDP packet got through yet: the barriers give each destination another port, and "
           "one "
           "that meets is looked for by chance, a few at a time ([direct] mappings)";
  return "no UDP packet got through to the other machine and back";
}

void UdpPath::rest(std::string why, Duration pause) {
  why_ = std::move(why);
  rest_until_ = now() + pause;
  if (proxy_ == nullptr) return;
  // Its own pauses are shorter.
  if (const auto at = proxy_->try_at())
    rest_until_ = std::min(rest_until_, std::max(*at, now() + Duration{kLeastPause}));
}

void UdpPath::arm() {
  auto deadline = core_.next_deadline();
  for (const auto& other :
       {answer_until_, burst_at_, burst_.close_unused_at(), close_old_at_, renew_at()})
    if (other) deadline = deadline ? std::min(*deadline, *other) : *other;
  if (!deadline || (armed_for_ && *armed_for_ <= *deadline)) return;
  armed_for_ = deadline;
  timer_.start(std::max(*deadline - now(), Duration::zero()));
}

}  // namespace culvert::agent
