// Out of one process and into the next one.
#include <algorithm>
#include <cassert>
#include <set>

#include "tunnel/mux/mux.h"

namespace culvert::mux {
namespace {

ByteVector copy(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

StreamSnapshot to_snapshot(const Stream& stream, Bytes target) {
  StreamSnapshot out;
  out.id = stream.id;
  out.target = copy(target);
  out.open_left = stream.open_left;
  out.known_to_peer = stream.known_to_peer;
  out.accepted = stream.accepted;
  out.reset = stream.reset;
  out.acknowledged = stream.send.acknowledged;
  out.highest = stream.send.highest;
  out.send_limit = stream.send.limit;
  out.finished = stream.send.finished;
  out.end_acknowledged = stream.send.end_acknowledged;
  out.owner_waits = stream.send.owner_waits;
  out.log = copy(stream.send.log.peek());
  out.received = stream.receive.received;
  out.receive_limit = stream.receive.limit;
  out.window = stream.receive.window;
  out.ended = stream.receive.ended;
  out.end_taken = stream.receive.end_taken;
  out.queue = copy(stream.receive.queue.peek());
  return out;
}

}  // namespace

Snapshot Mux::snapshot() const {
  Snapshot out;
  out.role = role_;
  out.next_local = next_local_;
  out.last_remote = last_remote_;
  out.last_reason = last_reason_;
  std::set<StreamId> acceptance_untold, room_untold;
  for (const auto& event : events_) {
    if (event.kind == Event::Kind::kAccepted) acceptance_untold.insert(event.stream);
    if (event.kind == Event::Kind::kWritable) room_untold.insert(event.stream);
  }
  for (const auto id : stream_ids()) {
    if (find(id).leaving) continue;
    auto& one = out.streams.emplace_back(to_snapshot(find(id), target(id)));
    one.acceptance_untold = acceptance_untold.contains(id);
    one.owner_waits |= room_untold.contains(id);
  }
  out.departures = departures_.snapshot();
  for (const auto& one : leaving_)  // their last octets are not worth a format
    if (knows(one.stream)) out.departures.push_back({one.stream, one.code, 0, one.reason});
  return out;
}

void Mux::restore(const Snapshot& from) {
  assert(from.role == role_ && streams_.size() == 1 && events_.empty());
  next_local_ = from.next_local;
  last_remote_ = from.last_remote;
  last_reason_ = from.last_reason;
  departures_.restore(from.departures);
  for (const auto& one : from.streams) restore(one);
  restart_output();
  for (const auto& one : from.streams) raise_again(one);
}

void Mux::restore(const StreamSnapshot& from) {
  auto& stream = from.id == kControlStream ? find(from.id) : streams_.add(from.id);
  if (!from.target.empty()) rare_[from.id].target = from.target;
  stream.opened_here = from.id != kControlStream && opened_by_us(from.id);
  stream.open_left = from.open_left;
  stream.known_to_peer = from.known_to_peer;
  stream.accepted = from.accepted;
  stream.reset = from.reset;
  stream.send.acknowledged = stream.send.sent = from.acknowledged;
  stream.send.highest = from.highest;
  stream.send.limit = from.send_limit;
  stream.send.finished = from.finished;
  stream.send.end_acknowledged = from.end_acknowledged;
  stream.send.end_sent = from.end_acknowledged || from.reset != ErrorCode::kNone;
  stream.send.owner_waits = from.owner_waits;
  stream.send.log.append(from.log);
  budget_.add(from.log.size());
  stream.receive.received = from.received;
  stream.receive.limit = from.receive_limit;
  stream.receive.window = from.window;
  stream.receive.ended = from.ended;
  stream.receive.end_taken = from.end_taken;
  stream.receive.queue.append(from.queue);
  granted_ += from.window - kInitialWindow;
  if (!stream.opened_here && !stream.accepted) ++unaccepted_;
}

// What the owner that is gone may have been told or not: its successor has to hear it.
void Mux::raise_again(const StreamSnapshot& from) {
  auto& stream = find(from.id);
  if (!stream.opened_here && !stream.accepted) events_.push_back({Event::Kind::kOpened, stream.id});
  if (from.acceptance_untold) events_.push_back({Event::Kind::kAccepted, stream.id});
  const bool end_untold = stream.receive.ended && !stream.receive.end_taken;
  if (!stream.receive.queue.empty() || end_untold) announce_readable(stream);
  if (stream.reset != ErrorCode::kNone) {
    if (stream.receive.queue.empty()) report_reset(stream);
    return;
  }
  if (stream.send.owner_waits) tell_room(stream);
}

}  // namespace culvert::mux
