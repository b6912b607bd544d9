#include "tunnel/punch/private_reach.h"

#include <algorithm>

namespace culvert::punch {

PrivateReach::Known* PrivateReach::find(Peer peer, const IpAddress& at, TimePoint now) {
  while (!known_.empty() && now - known_.front().since >= Duration{kRemembered}) known_.pop_front();
  const auto is_its = [&](const Known& one) { return std::ranges::equal(one.peer, peer); };
  const auto known =
      std::ranges::find_if(known_, [&](const Known& one) { return one.at == at && is_its(one); });
  if (known != known_.end()) return &*known;
  const auto of_peer = std::ranges::count_if(known_, is_its);
  if (known_.size() >= kMost || static_cast<std::size_t>(of_peer) >= kMostOfPeer) return nullptr;
  known_.push_back({{}, at, now});
  std::ranges::copy(peer, known_.back().peer.begin());
  return &known_.back();
}

bool PrivateReach::dial(Peer peer, const IpAddress& to, TimePoint now) {
  auto* const known = find(peer, to, now);
  if (known == nullptr || known->rounds >= kMostRounds) return false;
  ++known->rounds;
  return true;
}

bool PrivateReach::hear(Peer peer, const IpAddress& from, TimePoint now) {
  return find(peer, from, now) != nullptr;
}

void PrivateReach::found(Peer peer, const IpAddress& at, TimePoint now) {
  if (auto* const known = find(peer, at, now)) known->rounds = 0;
}

}  // namespace culvert::punch
