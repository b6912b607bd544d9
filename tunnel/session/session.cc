#include "tunnel/session/session.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace culvert::session {
namespace {

// Measured knee: 256 KiB (larger gives nothing). A stream's whole queue (mux/stream.h) has to fit
// with what its records need: a few octets left over would be a system call of their own, and at
// the far end three more and a packet to the destination.
constexpr std::size_t kLeastRecord = 4096;  // what room a record is begun for
constexpr std::size_t kOutputBound = mux::kSendQueue + 2 * kLeastRecord;
constexpr std::size_t kMixedBound = 64 * 1024;  // beside a dialogue (mux/traffic_mix.h)
// Datagrams that are sealed cannot be dropped any more: beyond this they wait where they can.
constexpr std::size_t kDatagramBound = 64 * 1024;
constexpr auto kAcknowledgeDelay = std::chrono::milliseconds{25};

// One buffer goes from session to session of the thread, as nearly all are empty between two turns.
// Growing one anew each turn copied every octet of a bulk stream once more.
ByteQueue& spare_output() {
  static thread_local ByteQueue spare;
  return spare;
}

void give_up_if_empty(ByteQueue& output) {
  if (!output.empty()) return;
  auto given_up = std::exchange(output, {});
  if (given_up.capacity() > spare_output().capacity()) spare_output() = std::move(given_up);
}

}  // namespace

Session::Session(mux::Role role, mux::Limits limits)
    : role_(role), mux_(role, limits), liveness_(role == mux::Role::kInitiator) {}

void Session::restore(const mux::Snapshot& streams, bool started) {
  mux_.restore(streams);
  started_ = started;
}

ByteVector Session::make_flight() {
  mux_.restart_output();
  ByteVector frames(kMaxEarlyFrames);
  frames.resize(mux_.fill(frames.data(), frames.size()));
  return frames;
}

Result<void> Session::attach(const Carrier& carrier, TimePoint now) {
  detach();
  sealer_.emplace(RecordKeys{carrier.keys.sending, carrier.algorithm});
  reader_.emplace(RecordKeys{carrier.keys.receiving, carrier.algorithm});
  started_ = true;
  awaiting_peer_ = role_ == mux::Role::kInitiator;
  liveness_.attached(now, carrier.round_trip, carrier.direct);
  bulk_round_trips_ = carrier.bulk_round_trips;
  tell_round_trip();
  auto received = mux_.receive(carrier.early_frames, now);
  mux_.take_heard_more();
  mux_.restart_output();  // behind the early frames: what they brought is acknowledged at once
  mux_.restart_datagrams(now);
  return received;
}

void Session::tell_round_trip() {
  mux_.set_round_trip(liveness_.least_round_trip(), bulk_round_trips_);
}

void Session::detach() {
  if (reader_) octets_received_ += reader_->octets();
  sealer_.reset();
  reader_.reset();
  output_ = {};
  acknowledge_at_.reset();
  liveness_.detached();
}

Result<void> Session::receive(MutableBytes wire, TimePoint now) {
  assert(attached());
  CULVERT_RETURN_IF_ERROR(reader_->read(wire, [&](Bytes text) {
    awaiting_peer_ = false;
    return mux_.receive(text, now);
  }));
  liveness_.received(now, mux_.take_heard_more());
  if (const auto value = mux_.take_pong()) {
    liveness_.pong(now, *value);
    tell_round_trip();
  }
  put_off_acknowledgements(now);
  return {};
}

void Session::put_off_acknowledgements(TimePoint now) {
  wish_.observe(mux_.wants_lane(), now);
  if (!mux_.acknowledgement_due())
    acknowledge_at_.reset();
  else if (!acknowledge_at_)
    acknowledge_at_ = now + kAcknowledgeDelay;
}

Result<void> Session::attach_lane(const Carrier& carrier, TimePoint now) {
  detach_lane();
  lane_ = std::make_unique<InteractiveLane>(mux_, role_, carrier, now);
  wish_.fulfilled(now);
  return mux_.receive_from_lane(carrier.early_frames, now);
}

void Session::detach_lane() {
  if (lane_ == nullptr) return;
  octets_sent_ += lane_->octets_sent();
  octets_received_ += lane_->octets_received();
  lane_.reset();
}

Result<void> Session::receive_from_lane(MutableBytes wire, TimePoint now) {
  auto received = lane_->receive(wire, now);
  put_off_acknowledgements(now);
  return received;
}

void Session::fill_output(TimePoint now) {
  if (!may_speak()) return;
  // The round trip is measured only while there is traffic: it steers the windows of bulk streams.
  if (mux_.has_output())
    if (const auto value = liveness_.ping_for_measuring(now, mux_.ping_wanted(), mux_.bulk()))
      mux_.ping(*value);
  const auto bound = mux_.mixed() ? kMixedBound : kOutputBound;
  if (output_.capacity() == 0) output_ = std::exchange(spare_output(), {});
  while (output_.size() + kLeastRecord <= bound) {
    mux_.pace_datagrams(now, /*hold=*/output_.size() >= kDatagramBound);
    if (!mux_.has_output()) break;
    const auto most = std::min(kMaxRecord, bound - output_.size());
    const auto room = output_.prepare(most);
    Strays strays;  // in the streams' logs, where they stay
    const auto text = mux_.fill(room.data() + kRecordHeader, most - kRecordOverhead, &strays);
    if (text == 0) break;
    const auto record = room.first(text + kRecordOverhead);
    sealer_->seal(record, strays.all());
    output_.commit(record.size());
    octets_sent_ += record.size();
    if (mux_.turn_over() && output_.size() > kOutputBound / 4 * 3) break;  // not to be cut
  }
  give_up_if_empty(output_);
  liveness_.sent(now, mux_.take_wants_answer());
}

void Session::output_sent(std::size_t count) {
  output_.pop(count);
  give_up_if_empty(output_);
}

void Session::rest() {
  if (!attached()) return;
  sealer_->rest();
  reader_->rest();
  if (lane_) lane_->rest();
}

std::optional<TimePoint> Session::next_deadline() const {
  auto deadline = liveness_.next_deadline();
  if (deadline && acknowledge_at_) deadline = std::min(*deadline, *acknowledge_at_);
  if (const auto ends = mux_.patience_ends(); deadline && ends)
    deadline = std::min(*deadline, *ends);
  const auto of_lane = lane_ ? lane_->next_deadline() : std::nullopt;
  return deadline && of_lane ? std::min(*deadline, *of_lane) : of_lane ? of_lane : deadline;
}

Result<void> Session::tick(TimePoint now) {
  if (!attached()) return {};
  mux_.lose_patience(now);
  if (acknowledge_at_ && now >= *acknowledge_at_) {
    mux_.acknowledge_now();
    acknowledge_at_.reset();
  }
  switch (liveness_.tick(now)) {
    case Liveness::Verdict::kFine: return {};
    case Liveness::Verdict::kPing: mux_.ping(liveness_.ping_value()); return {};
    case Liveness::Verdict::kDead: break;
  }
  return fail(ErrorCode::kTimedOut, "the peer does not answer any more");
}

}  // namespace culvert::session
