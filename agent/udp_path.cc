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
      timer_(self.loop, *this) {
  udp_.add(core_.name(), *this);
  link_.set_datagram_path(this);
}

UdpPath::~UdpPath() {
  link_.set_datagram_path(nullptr);
  udp_.remove(core_.name());
  udp_.forget(*this);
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
  udp_.look(*this);
}

bool UdpPath::carry(mux::StreamId stream, Bytes datagram) {
  if (!core_.up()) {
    want();
    return false;
  }
  // A longer one would be cut on the way, and barriers lose what is cut.
  if (datagram.size() + path::kDatagramOverhead > core_.most_octets()) return false;
  core_.send(static_cast<std::uint32_t>(stream), datagram, now());
  schedule();
  return true;
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
  const auto* const seen = std::get_if<control::PathSeen>(&message);
  if (seen == nullptr || seen->path != core_.name()) return;
  core_.seen(seen->counter, now());
  schedule();
}

void UdpPath::take(const control::PathOffer& offer) {
  if (is_caller() && offer.round == 0) {
    if (now() - begun_at_ >= Duration{kLeastPause} && !looking_ && !answer_until_) begin();
    return;
  }
  if (is_caller()) {
    if (!answer_until_ || offer.round != round_) return;
    answer_until_.reset();
    theirs_ = offer;
    return probe();
  }
  if (offer.round == 0 || (begun_at_ != TimePoint{} && now() - begun_at_ < Duration{kLeastPause}))
    return;
  begun_at_ = now();
  theirs_ = offer;
  round_ = offer.round;
  wanted_ = looking_ = true;
  udp_.look(*this);
}

void UdpPath::on_udp_seen(const UdpSight& sight) {
  if (!std::exchange(looking_, false)) return;
  sight_ = sight;
  auto offer = core_.own_offer();
  offer.round = round_;
  offer.allocation = sight.allocation;
  if (udp_.is_open())
    offer.candidates = place_.udp_candidates(udp_.local().port, sight.mapped, sight.asked);
  link_.send(offer);
  if (!is_caller()) return probe();
  begun_at_ = now();
  answer_until_ = now() + Duration{kAnswerLimit};
  arm();
}

void UdpPath::probe() {
  ground_ = place_.ground(peer_seen_);
  core_.set_peer(*theirs_, is_caller());
  std::vector<path::Target> targets;
  std::optional<SocketAddress> outside;
  for (const auto& dial : punch::udp_dials(theirs_->candidates, ground_)) {
    targets.push_back({{0, dial.to}});
    if (!dial.lan && !outside) outside = dial.to;
  }
  if (!core_.up()) further_.clear();
  if (outside && !core_.up()) add_burst(targets, *outside);
  core_.probe(targets, now(), targets.empty() ? Duration{kRoundInVain} : path::Path::kRound);
  schedule();
}

void UdpPath::place_changed() {
  patience_.reset();
  rest_until_ = {};
}

bool UdpPath::admits(const IpAddress& from) const { return punch::may_hear(from, ground_); }

// Sockets are made as they are needed, and those that led nowhere are closed soon.
void UdpPath::add_burst(std::vector<path::Target>& targets, const SocketAddress& peer) {
  const auto plan = punch::plan_burst(sight_.allocation, theirs_->allocation, peer, self_.random);
  if (plan.empty()) return;
  ++bursts_;
  for (const auto& to : plan.from_shared) targets.push_back({{0, to}, /*once=*/true});
  for (std::size_t i = 0; i < plan.sockets; ++i) {
    auto socket = udp_.make_socket();
    if (!socket) break;
    further_.push_back(std::move(socket));
    targets.push_back({{further_.size(), plan.each}, /*once=*/true});
  }
  close_unused_at_ = now() + Duration{path::Path::kRound} + std::chrono::seconds{1};
}

std::optional<std::size_t> UdpPath::number_of(const loop::UdpSocket& socket) const {
  if (&socket == udp_.shared()) return 0;
  for (std::size_t i = 0; i < further_.size(); ++i)
    if (further_[i].get() == &socket) return i + 1;
  return std::nullopt;
}

int UdpPath::fd_of(std::size_t socket) const {
  const auto* const one = socket == 0                 ? udp_.shared()
                          : socket <= further_.size() ? further_[socket - 1].get()
                                                      : nullptr;
  return one == nullptr ? -1 : one->fd();
}

// The peer may have taken another one than we: whatever it has sent something to stays.
void UdpPath::close_unused() {
  close_unused_at_.reset();
  for (std::size_t i = 0; i < further_.size(); ++i)
    if (!core_.up() || (core_.route().socket != i + 1 && !core_.heard_on(i + 1)))
      further_[i].reset();
}

void UdpPath::on_path_packet(const loop::UdpSocket& socket, const SocketAddress& from,
                             Bytes packet) {
  const auto number = number_of(socket);
  if (!number || !admits(from.ip)) return;
  const auto datagram = core_.receive(packet, {*number, from}, now());
  if (!datagram) return;
  arrived_.push_back(
      {static_cast<mux::StreamId>(datagram->stream), arena_.size(), datagram->data.size()});
  append(arena_, datagram->data);
}

void UdpPath::on_opaque_packet(const loop::UdpSocket&, const SocketAddress& from, Bytes packet) {
  if (user_ != nullptr && admits(from.ip)) user_->on_udp_packet(*this, packet);
}

void UdpPath::on_path_batch_ended() {
  std::vector<mux::ArrivedDatagram> arrived;
  arrived.reserve(arrived_.size());
  for (const auto& one : arrived_)
    arrived.push_back({one.stream, Bytes{arena_}.subspan(one.begin, one.size)});
  if (!arrived.empty()) link_.take_datagrams(arrived);
  arrived_.clear();
  arena_.clear();
  if (user_ != nullptr) user_->on_udp_packets_ended(*this);
  schedule();
}

void UdpPath::on_timer(loop::Timer&) {
  armed_for_.reset();
  if (answer_until_ && now() >= *answer_until_) {
    answer_until_.reset();
    rest("the other machine does not answer about UDP paths", patience_.failed());
  }
  if (close_unused_at_ && now() >= *close_unused_at_) close_unused();
  core_.tick(now());
  schedule();
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
    while (i < output.size() && output[i].route == route) together.push_back(output[i++].octets);
    if (const auto fd = fd_of(route.socket); fd >= 0) send_packets(fd, route.peer, together);
  }
  const std::vector<Bytes> together(opaque.begin(), opaque.end());
  if (const auto fd = fd_of(core_.route().socket); fd >= 0 && !together.empty())
    send_packets(fd, core_.route().peer, together);
  look_at_state();
  arm();
}

void UdpPath::look_at_state() {
  using State = path::Path::State;
  using Ended = path::Path::Ended;
  const auto before = std::exchange(was_, core_.state());
  if (core_.up() && (before != State::kUp || was_at_ != core_.route().peer)) {
    was_at_ = core_.route().peer;
    up_since_ = now();
    why_.clear();
    bursts_ = 0;
    log::info("udp", {{"event", "up"},
                      {"with", was_at_.to_string()},
                      {"role", is_caller() ? "caller" : "answerer"}});
    if (user_ != nullptr) user_->on_udp_path_up(*this);
  }
  if (core_.up() || before == core_.state()) return;
  if (before == State::kUp) {
    const bool silent = core_.ended() == Ended::kSilent;
    log::info("udp", {{"event", "down"},
                      {"with", was_at_.to_string()},
                      {"why", silent ? "no answer" : "not used"}});
    if (core_.ended() == Ended::kIdle)
      rest("it is not used at the moment", Duration::zero());
    else
      rest("the UDP path was lost; it is tried again", patience_.lost(now() - up_since_));
    if (user_ != nullptr) user_->on_udp_path_down(*this);
  } else if (core_.state() == State::kResting) {
    const bool again = bursts_ % kBurstsAtOnce != 0;
    rest(why_nothing_found(), again ? Duration{kLeastPause} : patience_.failed());
    log::info("udp", {{"event", "not-found"}, {"why", why_}});
  }
}

std::string UdpPath::why_nothing_found() const {
  if (sight_.asked && !sight_.mapped)
    return "UDP does not get out of this network (the discovery servers do not answer)";
  if (theirs_ && theirs_->candidates.empty()) return "the other machine gets no UDP out";
  if (theirs_)
    if (auto why = punch::why_no_burst(sight_.allocation, theirs_->allocation); !why.empty())
      return why;
  return "no UDP packet got through to the other machine and back";
}

void UdpPath::rest(std::string why, Duration pause) {
  why_ = std::move(why);
  rest_until_ = now() + pause;
}

void UdpPath::arm() {
  auto deadline = core_.next_deadline();
  for (const auto& other : {answer_until_, close_unused_at_})
    if (other) deadline = deadline ? std::min(*deadline, *other) : *other;
  if (!deadline || (armed_for_ && *armed_for_ <= *deadline)) return;
  armed_for_ = deadline;
  timer_.start(std::max(*deadline - now(), Duration::zero()));
}

}  // namespace culvert::agent
