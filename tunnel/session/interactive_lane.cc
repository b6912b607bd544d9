#include "tunnel/session/interactive_lane.h"

#include <algorithm>

namespace culvert::session {
namespace {

constexpr std::size_t kOutputBound = 64 * 1024;  // as where both kinds share one carrier

}  // namespace

void LaneWish::observe(bool mixed, TimePoint now) {
  if (!mixed) return;
  if (now - last_ >= kForgotten) tenths_ = 0;
  last_ = now;
  const auto epoch = mux::TrafficMix::epoch(now);
  if (epoch == epoch_) return;
  epoch_ = epoch;
  tenths_ = std::min(tenths_ + 1, kEnough);
}

InteractiveLane::InteractiveLane(mux::Mux& streams, mux::Role role, const CarrierKeys& carrier,
                                 TimePoint now)
    : streams_(streams),
      liveness_(role == mux::Role::kInitiator),
      sealer_(RecordKeys{carrier.keys.sending, carrier.algorithm}),
      reader_(RecordKeys{carrier.keys.receiving, carrier.algorithm}) {
  streams_.open_lane();
  liveness_.attached(now, carrier.round_trip, carrier.direct);
  if (role == mux::Role::kInitiator) streams_.ping_lane(0);  // there is a peer, and how far it is
}

InteractiveLane::~InteractiveLane() { streams_.close_lane(); }

Result<void> InteractiveLane::receive(MutableBytes wire, TimePoint now) {
  CULVERT_RETURN_IF_ERROR(
      reader_.read(wire, [&](Bytes text) { return streams_.receive_from_lane(text, now); }));
  // What it brings is answered by the other carrier: silence after it says nothing of this one.
  liveness_.received(now, /*more_than_pings=*/false);
  if (const auto value = streams_.take_lane_pong()) liveness_.pong(now, *value);
  return {};
}

void InteractiveLane::fill_output(TimePoint now) {
  while (streams_.has_lane_output() && output_.size() + kMaxRecord <= 2 * kOutputBound) {
    const auto room = output_.prepare(kOutputBound);
    const auto text =
        streams_.fill_lane(room.data() + kRecordHeader, kOutputBound - kRecordOverhead);
    if (text == 0) break;
    const auto record = room.first(text + kRecordOverhead);
    sealer_.seal(record);
    output_.commit(record.size());
    octets_sent_ += record.size();
  }
  liveness_.sent(now, streams_.take_lane_wants_answer());
}

void InteractiveLane::output_sent(std::size_t count) {
  output_.pop(count);
  output_.release_if_empty();
}

void InteractiveLane::rest() {
  if (!liveness_.idle() || !output_.empty()) return;
  sealer_.rest();
  reader_.rest();
}

Result<void> InteractiveLane::tick(TimePoint now) {
  switch (liveness_.tick(now)) {
    case Liveness::Verdict::kFine: return {};
    case Liveness::Verdict::kPing: streams_.ping_lane(liveness_.ping_value()); return {};
    case Liveness::Verdict::kDead: break;
  }
  return fail(ErrorCode::kTimedOut, "the peer does not answer on the interactive lane any more");
}

}  // namespace culvert::session
