// What the owner of the streams calls; mux_receive.cc and mux_fill.cc face the session.
#include "tunnel/mux/mux.h"

#include <algorithm>
#include <cassert>

namespace culvert::mux {
namespace {

constexpr std::uint64_t kFloor = 256 * 1024;
constexpr std::uint64_t kMixedFloor = 64 * 1024;
// Credit is told in steps of half a window, which leaves the other half, more than what is in
// flight (tune_window), and costs few records. But whoever may hold only kLeastSendShare must not
// run out of room before it hears that some of it has arrived (measured with 1 MiB: a tenth of the
// throughput, 25 ms at a time, where a window had grown far beyond the sender's budget).
constexpr std::uint32_t kMostCreditStep = kLeastSendShare;
// Where the window is little more than what is in flight, half of it would not fill a long way.
constexpr std::uint32_t kMixedCreditStep = 32 * 1024;
constexpr auto kPause = std::chrono::seconds{1};
constexpr std::size_t kControlLog = 1u << 20;
constexpr std::uint64_t kMeasuredFrom = 16 * 1024;  // consumed octets: fewer say nothing
constexpr std::uint64_t kMostInAdvance = 1024 * 1024;
// Events among which one of a dialogue is put first: each time they are looked through and moved.
constexpr std::size_t kFewEvents = 32;

}  // namespace

Mux::Mux(Role role, Limits limits)
    : role_(role), limits_(limits), next_local_(role == Role::kInitiator ? 1 : 2) {
  streams_.add(kControlStream).accepted = true;
}

Stream& Mux::find(StreamId id) const {
  auto* const stream = streams_.find(id);
  assert(stream != nullptr);
  return *stream;
}

void Mux::forget(StreamId id) {
  assert(id != kControlStream);
  const auto& stream = find(id);
  granted_ -= stream.receive.window - kInitialWindow;
  budget_.remove(stream.send.log.size());
  if (!stream.opened_here && !stream.accepted) --unaccepted_;
  streams_.erase(id);
  rare_.erase(id);
}

std::vector<StreamId> Mux::stream_ids() const {
  std::vector<StreamId> ids;
  ids.reserve(streams_.size());
  streams_.for_each([&](const Stream& stream) { ids.push_back(stream.id); });
  std::sort(ids.begin(), ids.end());
  return ids;
}

bool Mux::opened_by_us(StreamId stream) const {
  const bool odd = (static_cast<std::uint32_t>(stream) & 1) != 0;
  return odd == (role_ == Role::kInitiator);
}

bool Mux::was_opened(StreamId stream) const {
  const auto id = static_cast<std::uint32_t>(stream);
  return stream == kControlStream || (opened_by_us(stream) ? id < next_local_ : id <= last_remote_);
}

Result<StreamId> Mux::open(Bytes target) {
  assert(target.size() <= kMaxTarget);
  if (streams_.size() > limits_.streams)
    return fail(ErrorCode::kExhausted, "this session has " + std::to_string(limits_.streams) +
                                           " streams open already; close some and try again");
  if (next_local_ > 0xffff'fff0u)
    return fail(ErrorCode::kExhausted,
                "this session has used up its stream ids; it must be renewed");
  const StreamId id{next_local_};
  next_local_ += 2;
  auto& stream = streams_.add(id);
  stream.opened_here = stream.open_unsent = true;
  append(rare_[id].target, target);
  give_in_advance(stream);
  schedule(stream);
  return id;
}

void Mux::accept(StreamId id) {
  auto& stream = find(id);
  assert(!stream.opened_here && !stream.accepted);
  stream.accepted = stream.tell_accepted = true;
  rare_.erase(id);
  --unaccepted_;
  give_in_advance(stream);
  window_due(stream, /*lazy=*/false);
}

std::size_t Mux::room(StreamId id) const {
  const auto& half = find(id).send;
  if (half.finished || half.unsent() >= kSendQueue) return 0;
  const auto queue = kSendQueue - static_cast<std::size_t>(half.unsent());
  // The control stream is small and never held back by others: only by who acknowledges nothing.
  if (id == kControlStream)
    return std::min(queue, kControlLog - std::min(kControlLog, half.log.size()));
  return std::min(queue, budget_.room(half.log.size()));
}

std::size_t Mux::write(StreamId id, Bytes data) {
  auto& stream = find(id);
  const auto taken = std::min(data.size(), room(id));
  if (taken < data.size()) stream.send.owner_waits = true;
  stream.send.log.append(data.first(taken));
  budget_.add(taken);
  schedule(stream);
  return taken;
}

MutableBytes Mux::prepare_write(StreamId id, std::size_t at_most) {
  const auto count = std::min(at_most, room(id));
  return count == 0 ? MutableBytes{} : find(id).send.log.prepare(count).first(count);
}

void Mux::wrote(StreamId id, std::size_t count) {
  auto& stream = find(id);
  assert(count <= room(id));
  stream.send.log.commit(count);
  budget_.add(count);
  schedule(stream);
}

void Mux::want_writable(StreamId id) { find(id).send.owner_waits = true; }

void Mux::finish(StreamId id) {
  auto& stream = find(id);
  assert(id != kControlStream);
  if (stream.send.finished) return;
  stream.send.finished = true;
  schedule(stream);
}

void Mux::reset(StreamId id, ErrorCode code, std::string_view reason) {
  const auto& stream = find(id);
  // An OPEN that never left needs no RESET: the peer does not know the stream.
  const bool unheard = stream.opened_here && !stream.open_left;
  if (!unheard && stream.reset == ErrorCode::kNone) put_reset(id, code, reason);
  forget(id);
}

void Mux::put_reset(StreamId id, ErrorCode code, std::string_view reason) {
  departures_.reset(id, code == ErrorCode::kNone ? ErrorCode::kReset : code,
                    std::string(reason.substr(0, kMaxReason)));
}

Bytes Mux::target(StreamId id) const {
  const auto found = rare_.find(id);
  return found == rare_.end() ? Bytes{} : Bytes{found->second.target};
}

Bytes Mux::readable(StreamId id) {
  auto& stream = find(id);
  settle(stream);
  return stream.receive.queue.peek();
}

bool Mux::at_end(StreamId id) const {
  const auto& half = find(id).receive;
  return half.ended && half.waiting() == 0;
}

void Mux::consumed(StreamId id, std::size_t count) {
  auto& stream = find(id);
  auto& half = stream.receive;
  const auto queued = std::min(count, half.queue.size());
  half.queue.pop(queued);
  half.queue.release_if_empty();
  if (count > queued) consume_borrowed(half, count - queued);
  if (stream.reset != ErrorCode::kNone) {
    if (half.waiting() == 0) report_reset(stream);
    return;
  }
  if (half.ended) return;  // nothing more may come: no credit is needed
  tune_window(stream);
  const auto limit = half.consumed() + half.window;
  const auto step = std::min(half.window / 2, mixed() ? kMixedCreditStep : kMostCreditStep);
  if (limit > half.limit && limit - half.limit >= step) {
    half.limit = limit;
    window_due(stream, /*lazy=*/false);
  }
}

void Mux::end_taken(StreamId id) {
  auto& stream = find(id);
  stream.receive.end_taken = true;
  maybe_done(stream);
}

std::size_t Mux::active_streams(Stream& stream) {
  const auto epoch = TrafficMix::epoch(now_);
  if (epoch != activity_epoch_) {
    active_before_ = epoch == activity_epoch_ + 1 ? active_now_ : 0;
    active_now_ = 0;
    activity_epoch_ = epoch;
  }
  if (auto& counted = stream.send.active_epoch; counted != static_cast<std::uint16_t>(epoch)) {
    counted = static_cast<std::uint16_t>(epoch);
    ++active_now_;
  }
  return std::max(active_now_, active_before_);
}

// What the last bulk on this carrier had in flight the next one may have at once: a connection that
// is warm would wait for credit four times (16 MB at 40 ms: 130 ms of 600, measured). Together such
// windows take a quarter of the budget, so that streams which never need theirs leave the rest.
void Mux::give_in_advance(Stream& stream) {
  auto& half = stream.receive;
  const bool slow = bulk_round_trips_ > 1;  // each time it waits for so many
  const auto most = limits_.receive_budget / (slow ? 2 : 4);
  const auto left = most - std::min(granted_, most);
  const auto credit = slow ? std::min(std::max(carried_, kMostInAdvance), left - left / 4)
                           : std::min({carried_, kMostInAdvance, left / 4});
  if (credit == 0) return;
  half.window += static_cast<std::uint32_t>(credit);
  half.limit = std::max(half.limit, half.consumed() + half.window);
  half.in_advance = true;
  granted_ += credit;
}

// BDP rule (measured: 170 x a fixed 256 KiB window at 50 ms): twice what the owner consumes in a
// round trip, and a floor so that a fast local pair is not held up by wake-ups. What it has
// consumed before a round trip is over is less than that, so the window may grow by it already: it
// doubles with the sender's congestion window, not a round trip behind it. Never more than an equal
// share of the session's budget: whoever grew first would starve the others (measured: the slowest
// of 100 streams got a quarter of the fastest). Credit once given is not taken back. Beside a
// dialogue little more than what a round trip needs: the rest stands in queues before the
// dialogue's octets (measured: its round trip takes a third, at the same throughput). There the
// window comes down by eighths, as one slow round trip says little about the way; one that was
// given in advance at once.
void Mux::tune_window(Stream& stream) {
  auto& half = stream.receive;
  if (half.consumed() < kMeasuredFrom) return;
  const auto active = active_streams(stream);
  auto& last = rare_[stream.id];
  const auto elapsed = now_ - last.measured_at;
  const auto moved = half.consumed() - last.measured_from;
  const auto round_trip = round_trip_of_bulk();
  const bool whole = elapsed >= round_trip;
  auto in_flight = moved;
  if (whole) {
    last.measured_from = half.consumed();
    last.measured_at = now_;
    if (elapsed > std::max<Duration>(kPause, 2 * round_trip)) return;  // not a rate
    const auto rate = static_cast<double>(moved) / static_cast<double>(elapsed.count());
    in_flight = static_cast<std::uint64_t>(rate * static_cast<double>(round_trip.count()));
    carried_ = std::max(in_flight, carried_ - carried_ / 8);
  }
  const bool advanced = whole && half.in_advance;
  if (whole) half.in_advance = false;
  const auto share = kInitialWindow + limits_.receive_budget / active;
  const std::uint64_t slowly = advanced ? 0 : half.window - half.window / 8;
  const auto enough =
      mixed() ? std::max(in_flight + in_flight / 4 + kMixedFloor, slowly) : 2 * in_flight + kFloor;
  const auto wanted = std::min<std::uint64_t>({enough, share, limits_.max_window});
  if (wanted <= half.window && half.window <= share && !(whole && (mixed() || advanced))) return;
  granted_ -= half.window - kInitialWindow;
  const auto left = limits_.receive_budget - std::min(granted_, limits_.receive_budget);
  half.window = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(std::max(wanted, kInitialWindow), kInitialWindow + left));
  granted_ += half.window - kInitialWindow;
}

void Mux::schedule(Stream& stream) {
  if (stream.scheduled || !(stream.open_unsent || stream.send.can_send())) return;
  stream.scheduled = true;
  (choose_lane(stream) ? lane_->due : fresh_).push_back(stream.id);
}

void Mux::reschedule(Stream& stream) {
  if (stream.scheduled || !stream.send.can_send()) return;
  stream.scheduled = true;
  (stream.send.interactive ? lane_->due : busy_).push_back(stream.id);
}

void Mux::window_due(Stream& stream, bool lazy) {
  if (stream.window_due && (lazy || stream.window_at_once)) return;
  stream.window_due = true;  // if it was before, the lazy entry finds nothing to do
  stream.window_at_once = !lazy;
  (lazy ? lazy_windows_ : windows_).push_back(stream.id);
}

// The octets of a dialogue are not kept waiting until the bulk that came with them has been written
// on. Only where nothing else is to be told of the stream before.
void Mux::announce_readable(Stream& stream) {
  if (stream.readable_announced) return;
  stream.readable_announced = true;
  const Event event{Event::Kind::kReadable, stream.id};
  const auto since_bulk =
      static_cast<std::uint16_t>(TrafficMix::epoch(now_) - stream.send.bulk_epoch);
  const bool waits = !events_.empty() && events_.size() <= kFewEvents && mixed() &&
                     since_bulk > 2 && stream.id != kControlStream;
  if (!waits ||
      std::ranges::any_of(events_, [&](const Event& other) { return other.stream == stream.id; }))
    return events_.push_back(event);
  Fifo<Event> first;
  first.push_back(event);
  events_.prepend(std::move(first));
}

void Mux::maybe_done(Stream& stream) {
  if (!stream.done() || stream.id == kControlStream) return;
  // The peer still waits for the acknowledgement of its last octet.
  if (!stream.receive.all_told) {
    window_due(stream, /*lazy=*/false);
    return;
  }
  const auto id = stream.id;
  departures_.ended(id, stream.receive.acknowledgement());
  forget(id);
  events_.push_back({Event::Kind::kDone, id});
}

void Mux::report_reset(Stream& stream) {
  // Forgotten when the owner takes the event: until then it may still ask about the stream.
  events_.push_back({Event::Kind::kReset, stream.id, stream.reset});
}

std::optional<Event> Mux::next_event() {
  while (!events_.empty()) {
    auto event = events_.front();
    events_.pop_front();
    if (event.kind == Event::Kind::kDone) return event;
    auto* stream = streams_.find(event.stream);
    if (stream == nullptr) continue;  // reset by the owner or done since
    event.owner = stream->owner;
    if (event.kind == Event::Kind::kReset) forget(event.stream);
    if (event.kind == Event::Kind::kReadable) stream->readable_announced = false;
    return event;
  }
  return std::nullopt;
}

void Mux::restart_output() {
  windows_.clear();
  lazy_windows_.clear();
  fresh_.clear();
  busy_.clear();
  turn_used_ = 0;
  ping_due_.reset();
  pong_due_.reset();
  pong_.reset();
  departures_.restart();
  carried_ = 0;
  // OPENs must leave in the order of their ids: the peer takes one below the last for repeated.
  for (const auto id : stream_ids()) restart_output(find(id));
}

void Mux::restart_output(Stream& stream) {
  stream.window_due = stream.tell_accepted = false;
  auto& half = stream.send;
  if (!half.interactive) stream.scheduled = false;
  if (stream.reset != ErrorCode::kNone) return;  // nothing goes out any more
  if (!half.interactive) half.rewind();
  stream.open_unsent = stream.opened_here && !stream.known_to_peer;
  if (!stream.open_unsent) {
    stream.receive.all_told = false;
    stream.tell_accepted = stream.accepted && !stream.opened_here && stream.id != kControlStream;
    window_due(stream, /*lazy=*/false);
  }
  schedule(stream);
}

std::optional<std::uint64_t> Mux::take_pong() { return std::exchange(pong_, std::nullopt); }

void Mux::acknowledge_now() {
  for (const auto id : std::exchange(lazy_windows_, {})) windows_.push_back(id);
}

}  // namespace culvert::mux
