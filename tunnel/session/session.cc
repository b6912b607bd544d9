#include "tunnel/session/session.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace culvert::session {
namespace {

constexpr std::size_t kOutputBound = 256 * 1024;  // measured knee (larger gives nothing)
constexpr auto kAcknowledgeDelay = std::chrono::milliseconds{25};
constexpr auto kKeepalive = std::chrono::seconds{20};    // NATs forget idle TCP after minutes
constexpr auto kAnswerLimit = std::chrono::seconds{15};  // a ping unanswered so long: dead
constexpr auto kMeasureInterval = std::chrono::seconds{1};

}  // namespace

Session::Session(mux::Role role, mux::Limits limits) : mux_(role, limits) {}

ByteVector Session::take_early_frames() {
  ByteVector frames(kMaxEarlyFrames);
  frames.resize(mux_.fill(frames.data(), frames.size()));
  return frames;
}

Result<void> Session::receive_early_frames(Bytes frames, TimePoint now) {
  return mux_.receive(frames, now);
}

void Session::start(const DirectionKeys& keys, crypto::AeadAlgorithm algorithm, TimePoint now) {
  assert(!started());
  sealer_.emplace(RecordKeys{keys.sending, algorithm});
  opener_.emplace(RecordKeys{keys.receiving, algorithm});
  last_received_ = now;
}

std::size_t Session::restore_partial(MutableBytes buffer) {
  const auto size = partial_.size();
  assert(size < buffer.size());
  if (size != 0) std::memcpy(buffer.data(), partial_.data(), size);
  partial_ = {};
  return size;
}

Result<void> Session::receive(MutableBytes wire, TimePoint now) {
  assert(started());
  last_received_ = now;
  while (true) {
    const auto opened = opener_->open(wire);
    if (!opened) return fail(opened.error());
    if (opened->wire_size == 0) break;
    octets_received_ += opened->wire_size;
    CULVERT_RETURN_IF_ERROR(mux_.receive(opened->text, now));
    wire = wire.subspan(opened->wire_size);
  }
  partial_.assign(wire.begin(), wire.end());
  on_pong(now);
  if (!mux_.acknowledgement_due())
    acknowledge_at_.reset();
  else if (!acknowledge_at_)
    acknowledge_at_ = now + kAcknowledgeDelay;
  return {};
}

void Session::on_pong(TimePoint now) {
  const auto value = mux_.take_pong();
  if (!value || !ping_sent_ || *value != ping_value_) return;
  const auto sample = std::max<Duration>(now - *ping_sent_, std::chrono::microseconds{20});
  round_trip_ = last_measured_ == TimePoint{} ? sample : (7 * round_trip_ + sample) / 8;
  last_measured_ = now;
  ping_sent_.reset();
  mux_.set_round_trip(round_trip_);
}

void Session::fill_output(TimePoint now) {
  assert(started());
  // The round trip is measured only while there is traffic: it steers the windows of bulk streams.
  if (!ping_sent_ && mux_.has_output() && now - last_measured_ >= kMeasureInterval) {
    mux_.ping(++ping_value_);
    ping_sent_ = now;
  }
  while (output_.size() < kOutputBound && mux_.has_output()) {
    const auto room = output_.prepare(kMaxRecord);
    const auto text = mux_.fill(room.data() + kRecordHeader, kMaxRecordText);
    if (text == 0) break;
    const auto record = room.first(text + kRecordOverhead);
    sealer_->seal(record);
    output_.commit(record.size());
    octets_sent_ += record.size();
  }
}

void Session::output_sent(std::size_t count) {
  output_.pop(count);
  output_.release_if_empty();
}

std::optional<TimePoint> Session::next_deadline() const {
  if (!started()) return std::nullopt;
  auto deadline = ping_sent_ ? std::max(*ping_sent_, last_received_) + kAnswerLimit
                             : last_received_ + kKeepalive;
  if (acknowledge_at_) deadline = std::min(deadline, *acknowledge_at_);
  return deadline;
}

Result<void> Session::tick(TimePoint now) {
  if (acknowledge_at_ && now >= *acknowledge_at_) {
    mux_.acknowledge_now();
    acknowledge_at_.reset();
  }
  if (ping_sent_) {
    // Anything received since shows that the peer lives, even if the answer is stuck behind data.
    if (now >= std::max(*ping_sent_, last_received_) + kAnswerLimit)
      return fail(ErrorCode::kTimedOut, "the peer has not answered for 15 seconds");
    return {};
  }
  if (now >= last_received_ + kKeepalive) {
    mux_.ping(++ping_value_);
    ping_sent_ = now;
  }
  return {};
}

}  // namespace culvert::session
