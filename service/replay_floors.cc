#include "service/replay_floors.h"

#include <algorithm>

#include "tunnel/base/log.h"

namespace culvert::service {
namespace {

constexpr std::size_t kPage = 1000;

}  // namespace

ReplayFloors::ReplayFloors(loop::Loop& loop, Store& store, Listener& listener)
    : store_(store),
      listener_(listener),
      loading_(loop, *this),
      saving_(loop, complaint_),
      timer_(loop, *this) {}

void ReplayFloors::load() { store_.list(loading_, std::string(kFloorPrefix), "", kPage); }

void ReplayFloors::on_store_answer(StoreCall&) {
  if (!loading_.answer()) return listener_.on_floors_loaded(fail(loading_.answer().error()));
  const auto entries = loading_.answer()->entries;
  for (const auto& entry : entries) {
    const auto floor = decode_floor(entry.value);
    if (!floor) return listener_.on_floors_loaded(fail(floor.error()));
    guard_.import_floor(*floor);
  }
  if (entries.size() < kPage) return listener_.on_floors_loaded({});
  store_.list(loading_, std::string(kFloorPrefix), entries.back().key, kPage);
}

void ReplayFloors::accepted(const crypto::PublicKey& key, std::uint64_t timestamp) {
  auto& newest = unsaved_.try_emplace(key, UnixTime::min()).first->second;
  newest = std::max(newest, from_unix_nanoseconds(timestamp));
  if (!timer_.running()) timer_.start(kWriteBehind);
}

void ReplayFloors::flush() {
  timer_.stop();
  if (unsaved_.empty()) return;
  std::vector<StoreChange> changes;
  for (const auto& [key, newest] : std::exchange(unsaved_, {}))
    changes.push_back({floor_key(key), encode(crypto::ReplayGuard::Floor{key, newest})});
  store_.transact(saving_, {}, changes);
}

void ReplayFloors::Complaint::on_store_answer(StoreCall& call) {
  if (call.answer()) return;
  log::error("store", {{"event", "write-failed"},
                       {"what", "replay protection"},
                       {"why", call.answer().error().detail}});
}

}  // namespace culvert::service
