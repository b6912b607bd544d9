// The interactive lane: a second carrier on which dialogues pass the bulk that is on the first.
//
// What is sent there waits neither in the queues of sealed bulk nor, where a packet of that was
// lost, for its repetition (TCP delivers in order: 200 ms and more for all that comes behind it).
// Only DATA goes by it, and PINGs of its own. A stream changes the carrier by sending once more
// there what is not acknowledged: as frames carry offsets, nothing has to be waited for, and the
// peer skips what it has. What was sent before on the other carrier may then arrive later.
#include <cassert>

#include "tunnel/mux/mux.h"

namespace culvert::mux {
namespace {

constexpr std::chrono::seconds kDialogueMemory{1};
constexpr unsigned kProven = 3;  // small turns, one after the other; fewer say nothing
// More than this is not sent twice for a change of the carrier, and does not queue on the lane.
constexpr std::uint64_t kMostOfDialogue = 16 * 1024;

}  // namespace

void Mux::open_lane() {
  close_lane();
  lane_ = std::make_unique<Lane>();
}

void Mux::close_lane() {
  if (lane_ == nullptr) return;
  lane_.reset();
  for (const auto id : stream_ids()) {
    auto& stream = find(id);
    if (!stream.send.interactive) continue;
    stream.scheduled = false;
    leave_lane(stream);
    schedule(stream);
  }
}

void Mux::leave_lane(Stream& stream) {
  stream.send.interactive = false;
  stream.send.small_turns = 0;
  if (stream.reset == ErrorCode::kNone) stream.send.rewind();
}

// Of a stream that has something new to send. The peer must know the stream, and that it was
// accepted, before anything can overtake the frames that say so.
bool Mux::choose_lane(Stream& stream) {
  auto& half = stream.send;
  if (half.unsent() >= TrafficMix::kBulkFrame)
    half.small_turns = half.small_turns == 0 ? 0 : half.small_turns - 1;
  else if (half.small_turns < kProven)
    ++half.small_turns;
  if (half.interactive) {
    if (half.small_turns != 0 && half.unsent() <= kMostOfDialogue) {
      dialogue_at_ = now_;
      return true;
    }
    leave_lane(stream);
    return false;
  }
  if (half.small_turns < kProven || stream.id == kControlStream) return false;
  const bool introduced = stream.opened_here ? stream.accepted : half.acknowledged != 0;
  const auto since_bulk = static_cast<std::uint16_t>(TrafficMix::epoch(now_) - half.bulk_epoch);
  if (since_bulk <= 2 || !introduced) return false;
  dialogue_at_ = now_;
  if (lane_ == nullptr || half.written() - half.acknowledged > kMostOfDialogue) return false;
  half.interactive = true;
  half.rewind();
  return true;
}

// A lane would serve one at the moment: somebody writes little at a time, beside bulk.
bool Mux::wants_lane() const { return mixed() && now_ - dialogue_at_ < kDialogueMemory; }

bool Mux::has_lane_output() const {
  return lane_ != nullptr && (lane_->ping_due || lane_->pong_due || !lane_->due.empty());
}

std::size_t Mux::fill_lane(std::byte* out, std::size_t capacity) {
  assert(lane_ != nullptr);
  filling_ = {out, nullptr};
  std::size_t used = 0;
  if (lane_->pong_due && capacity - used >= kHeaderSize)
    used += write_frame(out + used, Pong{*std::exchange(lane_->pong_due, std::nullopt)});
  if (lane_->ping_due && capacity - used >= kHeaderSize) {
    used += write_frame(out + used, Ping{*std::exchange(lane_->ping_due, std::nullopt)});
    lane_->wants_answer = true;
  }
  while (!lane_->due.empty()) {
    const auto id = lane_->due.front();
    auto* const stream = streams_.find(id);
    if (stream == nullptr || !stream->send.interactive) {  // reset since, here or by the peer
      lane_->due.pop_front();
      continue;
    }
    if (!stream->send.can_send()) {  // acknowledged since, or without credit
      stream->scheduled = false;
      lane_->due.pop_front();
      continue;
    }
    if (stream->send.unsent() > kMostOfDialogue) {
      lane_->due.pop_front();
      leave_lane(*stream);
      fresh_.push_back(id);
      continue;
    }
    const auto wrote = fill_stream(*stream, out + used, capacity - used);
    if (wrote == 0) return used;  // the record is full
    used += wrote;
    lane_->wants_answer = true;
    lane_->due.pop_front();
    stream->scheduled = stream->send.can_send();
    if (stream->scheduled) lane_->due.push_back(id);
    if (stream->send.owner_waits) tell_room(*stream);
  }
  return used;
}

Result<void> Mux::receive_from_lane(Bytes record, TimePoint now) {
  assert(lane_ != nullptr);
  by_lane_ = true;
  auto received = receive(record, now);
  by_lane_ = false;
  return received;
}

}  // namespace culvert::mux
