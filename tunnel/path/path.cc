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
constexpr int kProofs = 5;
constexpr milliseconds kProofPause{100};
constexpr std::size_t kMostTargets = 256, kMostOutstanding = 512, kMostHeardOn = 256;
constexpr std::chrono::seconds kForget{3};  // a probe that was not answered

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

void Path::probe(const std::vector<Target>& targets, TimePoint now, Duration limit) {
  if (!sealer_) return;
  if (up()) return send_probe(route_, kSmall, now);  // it may be the peer's place that changed
  state_ = State::kProbing;
  ended_ = Ended::kNot;
  selected_ = false;
  probing_.clear();
  heard_on_.clear();
  round_began_ = now;
  round_ends_ = now + limit;
  add_targets(targets, now);
}

void Path::add_targets(const std::vector<Target>& targets, TimePoint now) {
  if (state_ == State::kUp) return;
  for (const auto& target : targets) {
    const bool known = std::ranges::any_of(
        probing_, [&](const Probing& one) { return one.target.route == target.route; });
    if (!known && probing_.size() < kMostTargets) probing_.push_back({target, 0, now});
  }
  tick(now);
}

void Path::send_probe(const Route& route, std::size_t size, TimePoint now) {
  output_.push_back({route, sealer_->seal(counter_, Kind::kProbe, {}, {}, size)});
  if (outstanding_.size() >= kMostOutstanding) outstanding_.pop_front();
  outstanding_.push_back({counter_++, route, size, now});
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
  const auto known =
      std::ranges::find_if(probing_, [&](const Probing& one) { return one.target.route == route; });
  if (known == probing_.end()) return add_targets({Target{route}}, now);
  if (std::exchange(known->target.once, false)) known->due = now;
  tick(now);
}

std::optional<Path::Datagram> Path::receive(Bytes packet, const Route& route, TimePoint now) {
  if (!opener_) return std::nullopt;
  if (scratch_.size() < packet.size()) scratch_.resize(packet.size());
  const auto opened = opener_->open(packet, scratch_);
  if (!opened) return std::nullopt;
  if (!heard_on(route.socket) && heard_on_.size() < kMostHeardOn) heard_on_.push_back(route.socket);
  switch (opened->kind) {
    case Kind::kProbe:
      answer(opened->counter, packet.size(), route);
      if (state_ == State::kProbing) probe_back(route, now);
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
      const auto found = std::ranges::find(outstanding_, counter, &Outstanding::counter);
      if (!in.ok() || found == outstanding_.end()) return std::nullopt;
      const auto probe = *found;
      outstanding_.erase(found);
      confirmed(probe, /*by_session=*/false, now);
      return std::nullopt;
    }
    case Kind::kDatagram: {
      Reader in(opened->body);
      const auto stream = in.u32();
      if (!in.ok()) return std::nullopt;
      last_use_ = now;
      return Datagram{stream, in.rest()};
    }
  }
  return std::nullopt;
}

void Path::seen(std::uint64_t counter, TimePoint now) {
  const auto found = std::ranges::find(outstanding_, counter, &Outstanding::counter);
  if (found == outstanding_.end()) return;
  const auto probe = *found;
  outstanding_.erase(found);
  confirmed(probe, /*by_session=*/true, now);
}

void Path::confirmed(const Outstanding& probe, bool by_session, TimePoint now) {
  if (state_ == State::kResting) return;
  if (state_ == State::kProbing && !selected_) {
    selected_ = true;
    route_ = probe.route;
    most_ = 0;
    proofs_ = 0;
    round_trip_ = now - probe.at;
    // The others had their chance; what still comes is answered.
    probing_.clear();
    if (probe.size < kProof) return send_proof(now);
  }
  if (probe.route != route_) return;
  if (!by_session) {
    const Duration measured = now - probe.at;
    round_trip_ = round_trip_ == Duration::zero() ? measured : (7 * round_trip_ + measured) / 8;
  }
  if (probe.size >= kProof) most_ = std::max(most_, probe.size);
  if (state_ == State::kProbing && most_ >= kProof) {
    state_ = State::kUp;
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
  proof_due_ = now + Duration{std::max<Duration>(kProofPause, round_trip_ + round_trip_ / 2)};
  send_probe(route_, kLarge, now);
  send_probe(route_, kProof, now);
}

void Path::send(std::uint32_t stream, Bytes datagram, TimePoint now) {
  std::array<std::byte, 4> head;
  store_be(head.data(), stream);
  output_.push_back({route_, sealer_->seal(counter_++, Kind::kDatagram, head, datagram, 0)});
  used(now);
}

void Path::used(TimePoint now) {
  last_use_ = last_sent_ = now;
  if (up() && !unanswered_since_ && now - last_probe_ >= kProbeEvery)
    send_probe(route_, kSmall, now);
}

bool Path::heard_on(std::size_t socket) const {
  return std::ranges::find(heard_on_, socket) != heard_on_.end();
}

void Path::rest(Ended why) {
  state_ = State::kResting;
  ended_ = why;
  probing_.clear();
  outstanding_.clear();
  unanswered_since_.reset();
  selected_ = false;
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
    if (selected_ && now >= proof_due_) return send_proof(now);
    for (auto& one : probing_) {
      const int most = one.target.once ? kProbesOnce : std::numeric_limits<int>::max();
      if (one.sent >= most || now < one.due) continue;
      const auto pause = one.target.once
                             ? kPauseOnce
                             : kPauses[std::min<std::size_t>(static_cast<std::size_t>(one.sent),
                                                             kPauses.size() - 1)];
      one.due = now + Duration{pause};
      ++one.sent;
      send_probe(one.target.route, kSmall, now);
    }
    return;
  }
  if (state_ != State::kUp) return;
  if (unanswered_since_ && now >= silent_at()) return rest(Ended::kSilent);
  if (unanswered_since_ && now >= again_at()) return send_probe(route_, kSmall, now);
  if (now - last_use_ >= kIdle) return rest(Ended::kIdle);
  if (!unanswered_since_ && now - last_sent_ >= kKeepAlive) send_probe(route_, kSmall, now);
}

std::optional<TimePoint> Path::next_deadline() const {
  if (state_ == State::kProbing) {
    auto next = round_ends_;
    if (selected_) next = std::min(next, proof_due_);
    for (const auto& one : probing_)
      if (!one.target.once || one.sent < kProbesOnce) next = std::min(next, one.due);
    return next;
  }
  if (state_ != State::kUp) return std::nullopt;
  if (unanswered_since_) return std::min(silent_at(), again_at());
  return std::min(last_use_ + Duration{kIdle}, last_sent_ + Duration{kKeepAlive});
}

}  // namespace culvert::path
