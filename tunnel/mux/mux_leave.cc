// Streams whose owner has reset them behind what it had written: natively what had left a program
// before its connection was reset is read by the other side, then the reset. Here that is still in
// the log. Such a stream has no owner any more, and what comes for it is dropped.
#include <algorithm>
#include <cassert>

#include "tunnel/mux/mux.h"

namespace culvert::mux {
namespace {

constexpr std::size_t kMostLeaving = 256;
constexpr std::size_t kMostRest = 4u << 20;  // octets that all of them hold before one may add some
// Whoever gives no credit for so long reads nothing, and natively hears of the reset at once.
constexpr auto kPatience = std::chrono::milliseconds{500};

std::uint64_t progress(const SendHalf& half) { return half.acknowledged + half.limit; }

}  // namespace

void Mux::reset_behind(StreamId id, Bytes rest, ErrorCode code, std::string_view reason,
                       TimePoint now) {
  auto& stream = find(id);
  auto& half = stream.send;
  const bool unheard = stream.opened_here && !stream.open_left;
  if (unheard || stream.reset != ErrorCode::kNone || leaving_.size() >= kMostLeaving)
    return reset(id, code, reason);
  std::size_t held = 0;
  for (const auto& one : leaving_)
    if (const auto* other = streams_.find(one.stream)) held += other->send.log.size();
  if (!half.finished && held < kMostRest) {
    rest = rest.first(std::min(rest.size(), kMostRest - held));
    half.log.append(rest);
    budget_.add(rest.size());
  }
  if (half.interactive) {  // RESET goes by the first carrier, and what goes before it as well
    stream.scheduled = false;
    leave_lane(stream);
  }
  if (half.unsent() == 0) return reset(id, code, reason);
  stream.leaving = true;
  stream.owner = nullptr;
  half.owner_waits = false;
  stream.receive.queue = {};
  consume_borrowed(stream.receive, stream.receive.borrowed);
  leaving_.push_back({id, code == ErrorCode::kNone ? ErrorCode::kReset : code, std::string(reason),
                      progress(half), now});
  schedule(stream);
}

// What was taken from the log last may still be read there until the next fill().
void Mux::see_off() {
  departing_ = false;
  std::erase_if(leaving_, [this](const Leaving& one) {
    const auto* const stream = streams_.find(one.stream);
    if (stream == nullptr) return true;  // the peer has reset it, too
    if (stream->send.unsent() != 0) return false;
    put_reset(one.stream, one.code, one.reason);
    forget(one.stream);
    return true;
  });
}

Duration Mux::patience() const { return kPatience + 2 * round_trip_of_bulk(); }

std::optional<TimePoint> Mux::patience_ends() const {
  std::optional<TimePoint> first;
  for (const auto& one : leaving_)
    if (const auto ends = one.since + patience(); !first || ends < *first) first = ends;
  return first;
}

void Mux::lose_patience(TimePoint now) {
  for (auto& one : leaving_) {
    auto* const stream = streams_.find(one.stream);
    if (stream == nullptr) continue;
    // With credit it is the carrier that it waits for, and so would a reset.
    if (stream->send.can_send() || progress(stream->send) != one.progress) {
      one.progress = progress(stream->send);
      one.since = now;
    } else if (now - one.since >= patience()) {
      put_reset(one.stream, one.code, one.reason);
      forget(one.stream);
    }
  }
  std::erase_if(leaving_, [this](const Leaving& one) { return !knows(one.stream); });
}

}  // namespace culvert::mux
