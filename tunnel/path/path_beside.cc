// Another route for a path that is up: looked for, proven, taken, while the old one goes on.
#include <algorithm>

#include "tunnel/path/path.h"

namespace culvert::path {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPause{40}, kLongPause{400};
constexpr int kOften = 5;  // probes of a target with the shorter pause
constexpr std::size_t kMost = 32, kMostSources = 8;
constexpr std::chrono::seconds kBreak{5};

}  // namespace

void Path::note_source(const SocketAddress& peer, TimePoint now) {
  const auto found = std::ranges::find(sources_, peer, &Source::peer);
  if (found == sources_.end()) {
    if (sources_.size() >= kMostSources)
      sources_.erase(std::ranges::min_element(sources_, {}, &Source::last));
    sources_.push_back({peer, now, now});
    return;
  }
  if (now - found->last > Duration{kBreak}) found->since = now;
  found->last = now;
}

// `route`: where something came from. A mapping that a translator makes anew is another one.
void Path::follow(const Route& route, TimePoint now) {
  if (!up() || beside_ || route == route_ || !unanswered_since_) return;
  const auto usual = std::ranges::find(sources_, route_.peer, &Source::peer);
  if (usual != sources_.end() && now - usual->last < Duration{kQuiet}) return;
  probe_beside({Target{route}}, now);
}

std::optional<TimePoint> Path::heard_from_since(const SocketAddress& peer) const {
  const auto found = std::ranges::find(sources_, peer, &Source::peer);
  return found == sources_.end() ? std::nullopt : std::optional{found->since};
}

void Path::probe_beside(const std::vector<Target>& targets, TimePoint now) {
  if (!up()) return;
  beside_ = Beside{{}, now + Duration{kRound}, {}, 0, {}};  // clang 14 takes no emplace() here
  for (const auto& target : targets)
    if (beside_->probing.size() < kMost && target.route != route_)
      beside_->probing.push_back({target, 0, now});
  if (beside_->probing.empty()) return beside_.reset();
  tick_beside(now);
}

// From a new socket of ours alone: the mapping of the old one is what shall be left behind.
void Path::probe_back_beside(const Route& route, TimePoint now) {
  auto& probing = beside_->probing;
  const auto of_ours = [&](const Probing& one) { return one.target.route.socket == route.socket; };
  if (beside_->chosen || std::ranges::none_of(probing, of_ours)) return;
  const auto known =
      std::ranges::find_if(probing, [&](const Probing& one) { return one.target.route == route; });
  if (known == probing.end() && probing.size() < kMost)
    probing.push_back({Target{route}, 0, now});
  else if (known != probing.end() && known->sent == 0)
    known->due = now;
  tick_beside(now);
}

void Path::confirmed_beside(const Outstanding& probe, TimePoint now) {
  if (!beside_->chosen) {
    beside_->chosen = probe.route;
    beside_->probing.clear();
    return tick_beside(now);
  }
  if (probe.route != *beside_->chosen || probe.size < proof_of(probe.route)) return;
  route_ = probe.route;
  most_ = probe.size;
  round_trip_ = now - probe.at;
  unanswered_since_.reset();
  last_probe_ = now;
  beside_.reset();
}

void Path::tick_beside(TimePoint now) {
  if (!beside_) return;
  if (now >= beside_->ends) return beside_.reset();
  if (beside_->chosen) {
    if (now < beside_->proof_due) return;
    if (beside_->proofs++ == kProofs) return beside_.reset();
    beside_->proof_due = now + proof_pause();
    return send_proof_to(*beside_->chosen, now);
  }
  for (auto& one : beside_->probing) {
    if (now < one.due) continue;
    one.due = now + Duration{one.sent < kOften ? kPause : kLongPause};
    ++one.sent;
    send_probe(one.target.route, kSmall, now);
  }
}

TimePoint Path::next_beside() const {
  auto next = beside_->ends;
  if (beside_->chosen) return std::min(next, beside_->proof_due);
  for (const auto& one : beside_->probing) next = std::min(next, one.due);
  return next;
}

}  // namespace culvert::path
