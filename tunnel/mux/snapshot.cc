#include "tunnel/mux/snapshot.h"

#include <algorithm>

namespace culvert::mux {
namespace {

enum Flag : std::uint16_t {
  kOpenLeft = 1,
  kKnown = 2,
  kAccepted = 4,
  kAcceptanceUntold = 8,
  kFinished = 16,
  kEndAcknowledged = 32,
  kOwnerWaits = 64,
  kEnded = 128,
  kEndTaken = 256,
};

void put_block32(Writer& out, Bytes data) {
  out.u32(static_cast<std::uint32_t>(data.size()));
  out.bytes(data);
}

ByteVector take_block32(Reader& in) {
  const auto bytes = in.take(in.u32());
  return {bytes.begin(), bytes.end()};
}

void encode(const StreamSnapshot& stream, Writer& out) {
  const auto flag = [](bool set, Flag value) { return set ? value : 0; };
  out.u32(static_cast<std::uint32_t>(stream.id));
  out.u16(static_cast<std::uint16_t>(
      flag(stream.open_left, kOpenLeft) | flag(stream.known_to_peer, kKnown) |
      flag(stream.accepted, kAccepted) | flag(stream.acceptance_untold, kAcceptanceUntold) |
      flag(stream.finished, kFinished) | flag(stream.end_acknowledged, kEndAcknowledged) |
      flag(stream.owner_waits, kOwnerWaits) | flag(stream.ended, kEnded) |
      flag(stream.end_taken, kEndTaken)));
  out.u8(static_cast<std::uint8_t>(stream.reset));
  out.block16(stream.target);
  out.u64(stream.acknowledged);
  out.u64(stream.highest);
  out.u64(stream.send_limit);
  put_block32(out, stream.log);
  out.u64(stream.received);
  out.u64(stream.receive_limit);
  out.u32(stream.window);
  put_block32(out, stream.queue);
}

StreamSnapshot take_stream(Reader& in) {
  StreamSnapshot stream;
  stream.id = StreamId{in.u32()};
  const auto flags = in.u16();
  stream.open_left = (flags & kOpenLeft) != 0;
  stream.known_to_peer = (flags & kKnown) != 0;
  stream.accepted = (flags & kAccepted) != 0;
  stream.acceptance_untold = (flags & kAcceptanceUntold) != 0;
  stream.finished = (flags & kFinished) != 0;
  stream.end_acknowledged = (flags & kEndAcknowledged) != 0;
  stream.owner_waits = (flags & kOwnerWaits) != 0;
  stream.ended = (flags & kEnded) != 0;
  stream.end_taken = (flags & kEndTaken) != 0;
  stream.reset = static_cast<ErrorCode>(in.u8());
  const auto target = in.block16();
  stream.target.assign(target.begin(), target.end());
  stream.acknowledged = in.u64();
  stream.highest = in.u64();
  stream.send_limit = in.u64();
  stream.log = take_block32(in);
  stream.received = in.u64();
  stream.receive_limit = in.u64();
  stream.window = in.u32();
  stream.queue = take_block32(in);
  return stream;
}

bool is_code(ErrorCode code) {
  return code == ErrorCode::kNone || is_wire_error(static_cast<std::uint8_t>(code));
}

bool sending_is_sound(const StreamSnapshot& stream) {
  if (stream.acknowledged > kMaxOffset || stream.send_limit > 2 * kMaxOffset) return false;
  const auto written = stream.acknowledged + stream.log.size();
  const auto most = written + (stream.finished ? 1 : 0);
  if (stream.highest < stream.acknowledged || stream.highest > most) return false;
  return !stream.end_acknowledged || (stream.log.empty() && stream.highest == written + 1);
}

bool receiving_is_sound(const StreamSnapshot& stream) {
  if (stream.received > kMaxOffset || stream.queue.size() > stream.received) return false;
  if (stream.receive_limit < stream.received || stream.receive_limit > 2 * kMaxOffset) return false;
  if (stream.window < kInitialWindow || stream.window > kMaxWindow) return false;
  return !stream.end_taken || (stream.ended && stream.queue.empty());
}

bool is_sound(const StreamSnapshot& stream, const Snapshot& of) {
  const auto id = static_cast<std::uint32_t>(stream.id);
  if (!sending_is_sound(stream) || !receiving_is_sound(stream)) return false;
  if (stream.target.size() > kMaxTarget || !is_code(stream.reset)) return false;
  const bool reset = stream.reset != ErrorCode::kNone;
  if (reset && !(stream.finished && stream.highest == 0 && stream.log.empty())) return false;
  if (stream.id == kControlStream)
    return stream.accepted && !reset && !stream.finished && !stream.ended &&
           !stream.acceptance_untold;
  const bool ours = (id % 2 == 1) == (of.role == Role::kInitiator);
  if (stream.acceptance_untold && !(ours && stream.accepted)) return false;
  return ours ? id < of.next_local : id <= of.last_remote;
}

bool is_sound(const DepartureSnapshot& departure) {
  return departure.stream != kControlStream && is_code(departure.code) &&
         departure.received <= 2 * kMaxOffset && departure.reason.size() <= kMaxReason;
}

bool is_sound(const Snapshot& snapshot) {
  const std::uint32_t first = snapshot.role == Role::kInitiator ? 1 : 2;
  if (snapshot.next_local < first || snapshot.next_local % 2 != first % 2) return false;
  if (snapshot.streams.empty() || snapshot.streams.front().id != kControlStream) return false;
  const auto ascending = [](const auto& a, const auto& b) { return a.id >= b.id; };
  return std::ranges::adjacent_find(snapshot.streams, ascending) == snapshot.streams.end() &&
         std::ranges::all_of(snapshot.streams,
                             [&](const auto& stream) { return is_sound(stream, snapshot); }) &&
         std::ranges::all_of(snapshot.departures,
                             [](const auto& departure) { return is_sound(departure); });
}

}  // namespace

void encode(const Snapshot& snapshot, Writer& out) {
  out.u8(snapshot.role == Role::kInitiator ? 0 : 1);
  out.u32(snapshot.next_local);
  out.u32(snapshot.last_remote);
  out.text16(snapshot.last_reason);
  out.u32(static_cast<std::uint32_t>(snapshot.streams.size()));
  for (const auto& stream : snapshot.streams) encode(stream, out);
  out.u32(static_cast<std::uint32_t>(snapshot.departures.size()));
  for (const auto& departure : snapshot.departures) {
    out.u32(static_cast<std::uint32_t>(departure.stream));
    out.u8(static_cast<std::uint8_t>(departure.code));
    out.u64(departure.received);
    out.text16(departure.reason);
  }
}

Result<Snapshot> decode_snapshot(Reader& in) {
  Snapshot snapshot;
  const auto role = in.u8();
  snapshot.role = role == 0 ? Role::kInitiator : Role::kResponder;
  snapshot.next_local = in.u32();
  snapshot.last_remote = in.u32();
  snapshot.last_reason = in.text16();
  // Counts are not believed: each entry must be there before the next one gets memory.
  for (auto left = in.u32(); left != 0 && in.ok(); --left)
    snapshot.streams.push_back(take_stream(in));
  for (auto left = in.u32(); left != 0 && in.ok(); --left) {
    DepartureSnapshot departure;
    departure.stream = StreamId{in.u32()};
    departure.code = static_cast<ErrorCode>(in.u8());
    departure.received = in.u64();
    departure.reason = in.text16();
    snapshot.departures.push_back(std::move(departure));
  }
  if (!in.ok() || role > 1 || !is_sound(snapshot))
    return fail(ErrorCode::kBadInput, "the saved state of a session's streams makes no sense");
  return snapshot;
}

}  // namespace culvert::mux
