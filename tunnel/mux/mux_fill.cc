// Frames out: control first, then credit, then data: round robin, two records per stream and turn
// (small turns cost the receiver a system call and a wake-up per 16 KiB of each of many streams). A
// stream that has just become active goes before those that are busy already.
#include <algorithm>
#include <cassert>
#include <cstring>

#include "tunnel/mux/mux.h"

namespace culvert::mux {
namespace {

// Below this much room a record is closed rather than filled up with a sliver of data.
constexpr std::size_t kWorthwhile = 1024;
// Two records full, whose headers leave a little less of them: two turns to a write of the carrier.
constexpr std::size_t kTurn = 120 * 1024;
// To seal a part of a record by itself takes about as long as to copy so much.
constexpr std::size_t kWorthStraying = 2048;
constexpr std::size_t kBesideOpen = 8 * 1024;

}  // namespace

bool Mux::has_output() const {
  return ping_due_ || pong_due_ || departing_ || departures_.due() || !windows_.empty() ||
         !fresh_.empty() || !busy_.empty() || datagrams_due();
}

std::size_t Mux::fill(std::byte* out, std::size_t capacity, Strays* strays) {
  filling_ = {out, strays};
  if (departing_) see_off();
  std::size_t used = fill_control(out, capacity);
  used += fill_windows(out + used, capacity - used);
  used += fill_data(out + used, capacity - used);
  if (used != 0 && !lazy_windows_.empty()) {  // a record goes out anyway: acknowledge along with it
    acknowledge_now();
    used += fill_windows(out + used, capacity - used);
  }
  return used;
}

std::size_t Mux::fill_control(std::byte* out, std::size_t capacity) {
  std::size_t used = 0;
  if (pong_due_ && capacity - used >= kHeaderSize)
    used += write_frame(out + used, Pong{*std::exchange(pong_due_, std::nullopt)});
  while (departures_.due()) {
    const auto frame = departures_.next();
    if (capacity - used < frame_size(frame)) return used;
    used += write_frame(out + used, frame);
    departures_.sent();
  }
  // Behind them: its answer shows that they have arrived.
  if (ping_due_ && capacity - used >= kHeaderSize) {
    departures_.pinged(*ping_due_);
    used += write_frame(out + used, Ping{*std::exchange(ping_due_, std::nullopt)});
    wants_answer_ = true;
  }
  return used;
}

std::size_t Mux::fill_windows(std::byte* out, std::size_t capacity) {
  constexpr std::size_t kSize = kHeaderSize + 8;
  std::size_t used = 0;
  while (!windows_.empty() && capacity - used >= kSize) {
    auto* stream = streams_.find(windows_.front());
    windows_.pop_front();
    if (stream == nullptr || !stream->window_due) continue;
    stream->window_due = false;
    auto& half = stream->receive;
    half.all_told = true;
    used += write_frame(
        out + used, Window{stream->id, half.limit, half.acknowledgement(), stream->tell_accepted});
    stream->tell_accepted = false;
    maybe_done(*stream);
  }
  return used;
}

std::size_t Mux::fill_data(std::byte* out, std::size_t capacity) {
  std::size_t used = 0;
  bool datagrams_had_their_turn = false;
  turn_over_ = false;
  while (!fresh_.empty() || !busy_.empty()) {
    // Behind what is fresh: there the OPENs of their streams are.
    if (fresh_.empty() && !std::exchange(datagrams_had_their_turn, true))
      used += fill_datagrams(out + used, capacity - used);
    auto& list = fresh_.empty() ? busy_ : fresh_;
    auto* stream = streams_.find(list.front());
    if (stream == nullptr) {  // reset since
      list.pop_front();
      if (&list == &busy_) turn_used_ = 0;
      continue;
    }
    const bool opens = stream->open_unsent && bulk_round_trips_ > 1;
    const auto wrote = fill_stream(*stream, out + used, capacity - used);
    if (wrote == 0 && (stream->open_unsent || stream->send.can_send())) return used;  // record full
    used += wrote;
    if (wrote != 0) wants_answer_ = true;
    const bool fresh = &list == &fresh_;
    if (!fresh) turn_used_ += wrote;
    stream->scheduled = stream->send.can_send();
    if (!stream->scheduled || fresh || turn_used_ >= kTurn) {
      list.pop_front();
      turn_over_ = !fresh && turn_used_ >= kTurn && !busy_.empty();
      if (!fresh) turn_used_ = 0;
      if (stream->scheduled) busy_.push_back(stream->id);
    }
    if (stream->send.owner_waits) tell_room(*stream);
    departing_ |= stream->leaving && stream->send.unsent() == 0;
    if (opens && stream->scheduled) return used;
    if (turn_over_) return used;  // the next one begins with a record
    // A dialogue's octets do not wait at the far end for a record's worth of bulk behind them.
    if (fresh && fresh_.empty() && !busy_.empty() && mixed()) return used;
  }
  if (!datagrams_had_their_turn) used += fill_datagrams(out + used, capacity - used);
  return used;
}

// Not for every octet of room: a wake-up of the owner should be worth a large read. Where the
// budget is tight, so much room never comes.
void Mux::tell_room(Stream& stream) {
  const auto now = room(stream.id);
  if (now < kSendQueue / 2 && (stream.send.unsent() != 0 || now < budget_.least() / 2)) return;
  stream.send.owner_waits = false;
  events_.push_back({Event::Kind::kWritable, stream.id});
}

void Mux::put_payload(std::byte* out, Bytes payload) {
  auto* const strays = filling_.strays;
  if (payload.size() < kWorthStraying || strays == nullptr || strays->full())
    std::memcpy(out, payload.data(), payload.size());
  else
    strays->add(static_cast<std::size_t>(out - filling_.begin), payload);
}

std::size_t Mux::fill_stream(Stream& stream, std::byte* out, std::size_t capacity) {
  std::size_t used = 0;
  const bool alone = stream.open_unsent && bulk_round_trips_ > 1;
  if (stream.open_unsent) {
    const Frame open = Open{stream.id, stream.receive.limit, target(stream.id)};
    if (capacity < frame_size(open)) return 0;
    used += write_frame(out, open);
    stream.open_unsent = false;
    stream.open_left = true;
  }
  // A record is read when it is whole, and the credit that a bulk waits for answers its OPEN.
  if (alone) capacity = std::min(capacity, used + kBesideOpen);
  auto& half = stream.send;
  if (!half.can_send() || capacity - used < kHeaderSize + 1) return used;
  const auto allowed = std::min<std::uint64_t>(
      {half.unsent(), kMaxPayload, half.limit - std::min(half.sent, half.limit)});
  const auto length =
      std::min<std::size_t>(static_cast<std::size_t>(allowed), capacity - used - kHeaderSize);
  if (length < allowed && length < kWorthwhile) return used;
  const bool last = half.finished && half.sent + length == half.written();
  write_data_header(out + used, stream.id, half.sent, length, last);
  used += kHeaderSize;
  if (length != 0)
    put_payload(out + used, half.log.peek().subspan(
                                static_cast<std::size_t>(half.sent - half.acknowledged), length));
  if (stream.id != kControlStream) mix_.passed(stream, length, now_);
  half.sent += length;
  half.end_sent = last;
  half.highest = std::max(half.highest, half.sent + (last ? 1 : 0));
  return used + length;
}

}  // namespace culvert::mux
