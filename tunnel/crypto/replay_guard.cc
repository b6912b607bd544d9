#include "tunnel/crypto/replay_guard.h"

#include <algorithm>

namespace culvert::crypto {

Result<void> check_not_ahead(UnixTime sent, UnixTime now) {
  if (sent.time_since_epoch().count() < 0 || sent - now <= kMostAhead) return {};
  const auto days = std::chrono::duration_cast<std::chrono::days>(sent - now).count();
  return fail(ErrorCode::kAuthentication,
              "the endpoint's clock is " + std::to_string(days) +
                  " days ahead of the clock here: set right the one that is wrong");
}

void ReplayGuard::Party::raise_floor(UnixTime to) {
  if (to <= floor) return;
  floor = to;
  accepted.erase(accepted.begin(), std::ranges::upper_bound(accepted, to));
}

Result<void> ReplayGuard::accept(const PublicKey& key, UnixTime sent) {
  if (sent.time_since_epoch().count() < 0)
    return fail(ErrorCode::kProtocol, "session handshake carries a time before 1970");
  auto& party = parties_[key];
  if (sent <= party.floor)
    return fail(ErrorCode::kAuthentication,
                "session handshake is older than one already accepted from this key: repeated by "
                "somebody, or the endpoint's clock was set back (check its clock)");
  const auto at = std::ranges::lower_bound(party.accepted, sent);
  if (at != party.accepted.end() && *at == sent)
    return fail(ErrorCode::kAuthentication,
                "session handshake was already used: refused to repeat it");
  party.accepted.insert(at, sent);
  party.raise_floor(party.newest() - kWindow);
  if (party.accepted.size() > kMaxRemembered) party.raise_floor(party.accepted.front());
  return {};
}

std::vector<ReplayGuard::Floor> ReplayGuard::export_floors() const {
  std::vector<Floor> floors;
  floors.reserve(parties_.size());
  for (const auto& [key, party] : parties_) floors.push_back({key, party.newest()});
  return floors;
}

void ReplayGuard::import_floor(const Floor& floor) {
  parties_[floor.key].raise_floor(floor.newest);
}

}  // namespace culvert::crypto
