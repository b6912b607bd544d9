// Frames in. An error means that the peer broke the protocol: the session must end.
#include <algorithm>
#include <cassert>

#include "tunnel/mux/mux.h"

namespace culvert::mux {
namespace {

tl::unexpected<Error> broken(std::string_view what, StreamId stream) {
  return fail(ErrorCode::kProtocol, "the peer broke the protocol on stream " +
                                        std::to_string(static_cast<std::uint32_t>(stream)) + ": " +
                                        std::string(what));
}

}  // namespace

Result<void> Mux::receive(Bytes record, TimePoint now) {
  now_ = now;
  while (true) {
    auto frame = take_frame(record);
    if (!frame) return fail(std::move(frame.error()));
    if (!*frame) return {};
    heard_more_ |= !std::holds_alternative<Ping>(**frame) && !std::holds_alternative<Pong>(**frame);
    CULVERT_RETURN_IF_ERROR(std::visit([this](const auto& f) { return on_frame(f); }, **frame));
  }
}

Result<void> Mux::on_frame(const Open& frame) {
  if (frame.stream == kControlStream || opened_by_us(frame.stream))
    return broken("OPEN of an id that is not the peer's", frame.stream);
  if (static_cast<std::uint32_t>(frame.stream) <= last_remote_) return {};  // repeated by a resume
  if (frame.limit > kMaxWindow) return broken("OPEN with credit beyond 2^30", frame.stream);
  // Whoever keeps to the rules has no more than `streams` open that it does not know to have ended,
  // and answers PINGs: else every OPEN that is refused would be kept for ever.
  if (departures_.size() > 2 * limits_.streams)
    return broken("OPEN, but it hears of no end", frame.stream);
  last_remote_ = static_cast<std::uint32_t>(frame.stream);
  if (streams_.size() > limits_.streams || unaccepted_ >= limits_.unaccepted) {
    put_reset(frame.stream, ErrorCode::kExhausted, "too many streams are open in this session");
    return {};
  }
  auto& stream = streams_.add(frame.stream);
  ++unaccepted_;
  stream.send.limit = std::max(stream.send.limit, frame.limit);
  append(rare_[frame.stream].target, frame.target);
  events_.push_back({Event::Kind::kOpened, frame.stream});
  return {};
}

Result<void> Mux::on_frame(const Data& frame) {
  auto* stream = streams_.find(frame.stream);
  if (stream == nullptr) {
    if (was_opened(frame.stream)) return {};  // crossed with our reset
    return broken("DATA for a stream that was never opened", frame.stream);
  }
  stream->known_to_peer = true;
  if (stream->reset != ErrorCode::kNone) {
    if (by_lane_) return {};  // the RESET, by the first carrier, was faster
    return broken("DATA behind its RESET", frame.stream);
  }
  auto& half = stream->receive;
  const auto end = frame.offset + frame.payload.size();
  if (frame.offset > half.received) return broken("a gap in the data", frame.stream);
  if (end > half.limit) return broken("more data than its credit", frame.stream);
  if (half.ended && (end > half.received || (frame.last && end != half.received)))
    return broken("data behind the end", frame.stream);
  if (frame.last && end < half.received) return broken("an end before its data", frame.stream);
  if (frame.last && frame.stream == kControlStream)
    return broken("an end of the control stream", frame.stream);
  if (frame.stream != kControlStream) mix_.passed(*stream, frame.payload.size(), now_);
  if (end > half.received) {
    half.all_told = false;
    keep(*stream, frame.payload.subspan(static_cast<std::size_t>(half.received - frame.offset)));
    half.received = end;
  }
  const bool ends_now = frame.last && !half.ended;
  if (ends_now) half.ended = true, half.all_told = false;
  if (!half.all_told || !frame.payload.empty() || frame.last) window_due(*stream, /*lazy=*/true);
  if (ends_now || half.waiting() != 0) announce_readable(*stream);
  return {};
}

Result<void> Mux::on_frame(const Window& frame) {
  auto* stream = streams_.find(frame.stream);
  if (stream == nullptr) {
    if (was_opened(frame.stream)) return {};
    return broken("WINDOW for a stream that was never opened", frame.stream);
  }
  stream->known_to_peer = true;
  if (stream->reset != ErrorCode::kNone) return broken("WINDOW behind its RESET", frame.stream);
  auto& half = stream->send;
  if (frame.received > half.highest)
    return broken("it acknowledges what was not sent", frame.stream);
  if (frame.limit > half.acknowledged + kMaxWindow && frame.limit > half.limit)
    return broken("credit beyond 2^30", frame.stream);
  acknowledged(half, frame.received);
  departing_ |= stream->leaving && half.unsent() == 0;
  half.limit = std::max(half.limit, frame.limit);
  if (frame.accepted && frame.stream != kControlStream) {
    if (!stream->opened_here) return broken("it accepts a stream of its own", frame.stream);
    if (!stream->accepted) {
      stream->accepted = true;
      rare_.erase(frame.stream);
      events_.push_back({Event::Kind::kAccepted, frame.stream});
    }
  }
  reschedule(*stream);
  if (half.owner_waits) tell_room(*stream);
  maybe_done(*stream);
  return {};
}

void Mux::acknowledged(SendHalf& half, std::uint64_t received) {
  const auto octets = std::min(received, half.written());
  if (octets > half.acknowledged) {
    const auto count = static_cast<std::size_t>(octets - half.acknowledged);
    half.log.pop(count);
    half.log.release_if_empty();
    half.acknowledged = octets;
    half.sent = std::max(half.sent, octets);  // it had arrived on an earlier carrier
    budget_.acknowledged(count, now_, round_trip_of_bulk());
  }
  if (half.finished && received == half.written() + 1) half.end_sent = half.end_acknowledged = true;
}

Result<void> Mux::on_frame(const Reset& frame) {
  if (frame.stream == kControlStream) return broken("RESET of the control stream", frame.stream);
  auto* stream = streams_.find(frame.stream);
  if (stream == nullptr) {
    // Its OPEN may have been lost with a carrier: then there is nothing to end here.
    if (was_opened(frame.stream) || !opened_by_us(frame.stream)) return {};
    return broken("RESET of a stream that was never opened", frame.stream);
  }
  if (stream->reset != ErrorCode::kNone) return {};
  if (stream->leaving) {
    forget(frame.stream);
    return {};
  }
  last_reason_ = frame.reason;
  stream->reset = frame.code;
  budget_.remove(stream->send.log.size());
  stream->send = {};
  stream->send.finished = stream->send.end_sent = true;  // nothing more goes out
  stream->open_unsent = false;
  // As with TCP, what arrived before the reset can still be read; consumed() reports it then. An
  // owner who has stopped reading has to hear of it all the same: is_reset().
  if (stream->receive.waiting() == 0)
    report_reset(*stream);
  else
    announce_readable(*stream);
  return {};
}

Result<void> Mux::on_frame(const Ping& frame) {
  (by_lane_ ? lane_->pong_due : pong_due_) = frame.value;
  return {};
}

Result<void> Mux::on_frame(const Pong& frame) {
  if (by_lane_) {  // of what went by the first carrier it says nothing
    lane_->pong = frame.value;
    return {};
  }
  pong_ = frame.value;
  departures_.confirmed(frame.value);
  return {};
}

}  // namespace culvert::mux
