#include "tunnel/path/path.h"

#include <algorithm>
#include <array>
#include <limits>

#include "tunnel/base/byte_codec.h"

namespace culvert::path {
namespace {

using std::chrono::milliseconds;

// Pauses between probes of one target; the last is repeated.
constexpr std::array kPauses{milliseconds{20},  milliseconds{40},  milliseconds{60},
                             milliseconds{120}, milliseconds{200}, milliseconds{300},
                             milliseconds{400}, milliseconds{600}};
constexpr int kProbesOnce = 2;
constexpr milliseconds kPauseOnce{250};
constexpr std::size_t kMostTargets = 3072, kMostOutstanding = 2 * kMostTargets, kMostHeardOn = 256;
constexpr std::chrono::seconds kForget{3};  // a probe that was not answered

std::size_t large_of(const Route& route) {
  return route.peer.ip.is_v4() ? Path::kLarge : Path::kLargeSix;
}

Duration pause_after(int sent) {
  return kPauses[std::min<std::size_t>(static_cast<std::size_t>(sent), kPauses.size() - 1)];
}

std::optional<Path::Datagram> datagram_in(Bytes body) {
  Reader in(body);
  const auto stream = in.u32();
  if (!in.ok()) return std::nullopt;
  return Path::Datagram{stream, in.rest()};
}

}  // namespace

Path::Path(Random& random) {
  std::array<std::byte, 4> name;
  random.fill(name);
  random.fill(own_.secret.edit());
  own_.path = load_be<std::uint32_t>(name.data());
  own_.hardware_aes = crypto::hardware_aes();
}

void Path::set_peer(const control::PathOffer& peers, bool own_is_caller) {
  if (peers_ && peers_->path == peers.path && peers_->secret == peers.secret &&
      peers_->hardware_aes == peers.hardware_aes)
    return;
  peers_ = peers;
  const auto keys = derive_keys(own_, peers, own_is_caller);
  sealer_.emplace(peers.path, keys.sending, keys.algorithm);
  opener_.emplace(keys.receiving, keys.algorithm);
  rest(Ended::kNot);  // a new process of the peer's knows nothing of what there was
}

void Path::probe(const std::vector<Target>& targets, TimePoint now, Duration limit, Duration hold,
                 bool openers) {
  if (!sealer_) return;
  if (up()) return send_probe(route_, kSmall, now);  // it may be the peer's place that changed
  state_ = State::kProbing;
  ended_ = Ended::kNot;
  selected_ = false;
  probing_.clear();
  heard_on_.clear();
  round_began_ = now;
  round_ends_ = now + limit;
  hold_until_ = now + hold;
  for (const auto& target : targets) {
    if (target.once || !target.held || hold == Duration::zero() || !openers) continue;
    send_probe(target.route, kSmall, now);
    output_.back().opener = true;
  }
  add_targets(targets, now);
}

void Path::add_targets(const std::vector<Target>& targets, TimePoint now) {
  if (state_ == State::kUp) return;
  int of_burst = 0;
  for (const auto& target : targets) {
    if (probing_.size() >= kMostTargets) break;
    if (target.once) {
      probing_.push_back({target, 0, now + milliseconds{of_burst++ / kPace}});
      continue;
    }
    const bool known = std::ranges::any_of(
        probing_, [&](const Probing& one) { return one.target.route == target.route; });
    if (!known) probing_.push_back({target, 0, target.held ? std::max(now, hold_until_) : now});
  }
  tick(now);
}

void Path::send_probe(const Route& route, std::size_t size, TimePoint now) {
  output_.push_back({route, sealer_->seal(counter_, Kind::kProbe, {}, {}, size)});
  if (outstanding_.size() >= kMostOutstanding) outstanding_.pop_front();
  outstanding_.push_back({counter_++, route, size, now});
  if (state_ == State::kUp && route != route_) return;  // beside
  last_sent_ = last_probe_ = now;
  if (state_ == State::kUp && !unanswered_since_) unanswered_since_ = now;
}

void Path::answer(std::uint64_t counter, std::size_t size, const Route& route) {
  std::array<std::byte, 8> head;
  store_be(head.data(), counter);
  output_.push_back({route, sealer_->seal(counter_++, Kind::kAnswer, head, {}, size)});
}

// Where the peer's probe came through, ours has the best chance.
void Path::probe_back(const Route& route, TimePoint now) {
  if (selected_ && rank_of(route) >= rank_) return;
  hold_until_ = now;
  const auto known =
      std::ranges::find_if(probing_, [&](const Probing& one) { return one.target.route == route; });
  if (known == probing_.end()) return add_targets({Target{route}}, now);
  if (std::exchange(known->target.once, false) || known->sent == 0) known->due = now;
  tick(now);
}

std::optional<Path::Datagram> Path::receive(Bytes packet, const Route& route, TimePoint now) {
  const auto opened = open(packet);
  if (!opened) return std::nullopt;
  note_source(route.peer, now);
  follow(route, now);
  const auto heard = std::ranges::find(heard_on_, route.socket, &Heard::socket);
  if (heard != heard_on_.end())
    heard->at = now;
  else if (heard_on_.size() < kMostHeardOn)
    heard_on_.push_back({route.socket, now});
  switch (opened->kind) {
    case Kind::kProbe:
      answer(opened->counter, packet.size(), route);
      if (state_ == State::kProbing) probe_back(route, now);
      if (beside_ && route != route_) probe_back_beside(route, now);
      // Our answer may not get there: what we send is not known to arrive.
      if (state_ != State::kUp && now - round_began_ >= kSeenAfter &&
          (!told_at_ || now - *told_at_ >= kProbeEvery)) {
        to_tell_ = opened->counter;
        told_at_ = now;
      }
      return std::nullopt;
    case Kind::kAnswer: {
      Reader in(opened->body);
      const auto counter = in.u64();
      const auto found = find_outstanding(counter);
      if (!in.ok() || found == outstanding_.end()) return std::nullopt;
      const auto probe = *found;
      outstanding_.erase(found);
      confirmed(probe, /*by_session=*/false, now);
      return std::nullopt;
    }
    case Kind::kDatagram: {
      const auto datagram = datagram_in(opened->body);
      if (datagram) last_use_ = now;
      return datagram;
    }
  }
  return std::nullopt;
}

// They stand in the order of their counters.
std::deque<Path::Outstanding>::iterator Path::find_outstanding(std::uint64_t counter) {
  const auto found = std::ranges::lower_bound(outstanding_, counter, {}, &Outstanding::counter);
  return found != outstanding_.end() && found->counter == counter ? found : outstanding_.end();
}

void Path::seen(std::uint64_t counter, TimePoint now) {
  const auto found = find_outstanding(counter);
  if (found == outstanding_.end()) return;
  const auto probe = *found;
  outstanding_.erase(found);
  confirmed(probe, /*by_session=*/true, now);
}

void Path::confirmed(const Outstanding& probe, bool by_session, TimePoint now) {
  if (state_ == State::kResting) return;
  if (state_ == State::kProbing && (!selected_ || rank_of(probe.route) < rank_)) {
    selected_ = true;
    route_ = probe.route;
    rank_ = rank_of(route_);
    most_ = 0;
    proofs_ = 0;
    round_trip_ = now - probe.at;
    // Of the others those alone go on that are better; what still comes is answered.
    if (probe.size < proof_of(route_)) return send_proof(now);
  }
  if (probe.route != route_) return beside_ ? confirmed_beside(probe, now) : void();
  if (!by_session) {
    const Duration measured = now - probe.at;
    round_trip_ = round_trip_ == Duration::zero() ? measured : (7 * round_trip_ + measured) / 8;
  }
  if (probe.size >= proof_of(route_)) most_ = std::max(most_, probe.size);
  if (state_ == State::kProbing && most_ != 0) {
    state_ = State::kUp;
    probing_.clear();
    last_use_ = last_sent_ = now;
    unanswered_since_.reset();
    return;
  }
  // Of those sent behind it, the first that is still unanswered.
  if (unanswered_since_ && probe.at >= *unanswered_since_) {
    unanswered_since_.reset();
    for (const auto& later : outstanding_)
      if (later.at > probe.at && later.route == route_) {
        unanswered_since_ = later.at;
        break;
      }
  }
}

// The smaller one proves the path; the larger one tells whether longer datagrams may take it.
void Path::send_proof(TimePoint now) {
  ++proofs_;
  proof_due_ = now + proof_pause();
  send_proof_to(route_, now);
}

void Path::send_proof_to(const Route& route, TimePoint now) {
  send_probe(route, large_of(route), now);
  send_probe(route, proof_of(route), now);
}

int Path::rank_of(const Route& route) const {
  const auto known =
      std::ranges::find_if(probing_, [&](const Probing& one) { return one.target.route == route; });
  return known == probing_.end() ? Target::kWorstRank : known->target.rank;
}

ByteVector Path::seal_datagram(std::uint32_t stream, Bytes datagram) {
  std::array<std::byte, 4> head;
  store_be(head.data(), stream);
  return sealer_->seal(counter_++, Kind::kDatagram, head, datagram, 0);
}

std::optional<Path::Datagram> Path::open_datagram(Bytes packet) {
  const auto opened = open(packet);
  if (!opened || opened->kind != Kind::kDatagram) return std::nullopt;
  return datagram_in(opened->body);
}

std::optional<Opener::Opened> Path::open(Bytes packet) {
  if (!opener_) return std::nullopt;
  if (scratch_.size() < packet.size()) scratch_.resize(packet.size());
  return opener_->open(packet, scratch_);
}

void Path::send(std::uint32_t stream, Bytes datagram, TimePoint now) {
  output_.push_back({route_, seal_datagram(stream, datagram)});
  used(now);
}

void Path::used(TimePoint now) {
  last_use_ = last_sent_ = now;
  if (up() && !unanswered_since_ && now - last_probe_ >= kProbeEvery)
    send_probe(route_, kSmall, now);
}

bool Path::heard_on(std::size_t socket) const { return heard_at(socket).has_value(); }

std::optional<TimePoint> Path::heard_at(std::size_t socket) const {
  const auto found = std::ranges::find(heard_on_, socket, &Heard::socket);
  return found == heard_on_.end() ? std::nullopt : std::optional{found->at};
}

void Path::rest(Ended why) {
  state_ = State::kResting;
  ended_ = why;
  probing_.clear();
  outstanding_.clear();
  unanswered_since_.reset();
  selected_ = false;
  beside_.reset();
}

TimePoint Path::silent_at() const {
  return *unanswered_since_ + std::max<Duration>(kSilence, 3 * round_trip_);
}

TimePoint Path::again_at() const {
  return std::max(last_probe_ + Duration{kProbeAgain}, *unanswered_since_ + round_trip_ * 5 / 4);
}

void Path::tick(TimePoint now) {
  while (!outstanding_.empty() && now - outstanding_.front().at > kForget) outstanding_.pop_front();
  if (state_ == State::kProbing) {
    if (now >= round_ends_ || (selected_ && proofs_ >= kProofs && now >= proof_due_))
      return rest(Ended::kNothingFound);
    if (selected_ && now >= proof_due_) send_proof(now);
    for (auto& one : probing_) {
      const int most = one.target.once ? kProbesOnce : std::numeric_limits<int>::max();
      if (one.sent >= most || now < one.due || (selected_ && one.target.rank >= rank_)) continue;
      one.due = now + (one.target.once ? Duration{kPauseOnce} : pause_after(one.sent));
      ++one.sent;
      send_probe(one.target.route, kSmall, now);
    }
    return;
  }
  if (state_ != State::kUp) return;
  if (unanswered_since_ && now >= silent_at()) return rest(Ended::kSilent);
  tick_beside(now);
  if (unanswered_since_ && now >= again_at()) return send_probe(route_, kSmall, now);
  if (now - last_use_ >= kIdle) return rest(Ended::kIdle);
  if (!unanswered_since_ && now - last_sent_ >= kKeepAlive) send_probe(route_, kSmall, now);
}

std::optional<TimePoint> Path::next_deadline() const {
  if (state_ == State::kProbing) {
    auto next = round_ends_;
    if (selected_) next = std::min(next, proof_due_);
    for (const auto& one : probing_)
      if ((!one.target.once || one.sent < kProbesOnce) && !(selected_ && one.target.rank >= rank_))
        next = std::min(next, one.due);
    return next;
  }
  if (state_ != State::kUp) return std::nullopt;
  const auto next = unanswered_since_
                        ? std::min(silent_at(), again_at())
                        : std::min(last_use_ + Duration{kIdle}, last_sent_ + Duration{kKeepAlive});
  return beside_ ? std::min(next, next_beside()) : next;
}

}  // namespace culvert::path
