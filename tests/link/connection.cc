#include "tests/link/connection.h"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace culvert::link {
namespace {

constexpr int kReadsPerStep = 4;  // then another connection has its turn
alignas(64) std::array<std::byte, std::size_t{256} * 1024> buffer;  // one thread

}  // namespace

Connection::Connection(std::uint64_t number, int epoll, UniqueFd accepted, TimePoint now,
                       Shape& shape)
    : number_(number),
      shape_(shape),
      near_(epoll),
      far_(epoll),
      up_{near_, far_, shape.up, &Stats::up, now + 2 * shape.delay},
      down_{far_, near_, shape.down, &Stats::down, now + 3 * shape.delay},
      dial_at_(now + shape.delay) {
  near_.take(std::move(accepted));
}

bool Connection::step(TimePoint now, const SocketAddress& target, Stats& stats) {
  if (swallowed_) return step_swallowed();
  if (!dialled_ && dial_at_ <= now) dial(now, target);
  for (Way* way : {&up_, &down_}) {
    read(*way, now);
    deliver(*way, now, stats);
    if (shape_.drop_after != 0 && passed_ >= shape_.drop_after) {
      ++stats.resets;
      reset();
      return false;
    }
  }
  return !(up_.over && down_.over);
}

void Connection::dial(TimePoint now, const SocketAddress& target) {
  dialled_ = true;
  if (far_.dial(target)) return;
  up_.over = true;
  down_.queue.end(Ending::kReset, now + shape_.delay);
}

// A socket that has hung up is read to its end whatever the limits: what is left is what the kernel
// holds, and the end must not wait for a receiver that does not read.
bool Connection::may_read(const Way& way, TimePoint now) const {
  if (!way.from.readable() || way.queue.ended()) return false;
  return way.from.hung() || (now >= way.opens && !shape_.crowded &&
                             way.queue.held() < shape_.window && way.bottleneck.has_room(now));
}

void Connection::read(Way& way, TimePoint now) {
  for (int i = 0; i < kReadsPerStep && may_read(way, now); ++i) {
    const auto count = way.from.receive(MutableBytes(buffer).first(way.bottleneck.quantum()));
    if (count == -1) return;
    if (count == -2) return way.queue.end(Ending::kReset, now + shape_.delay);
    const auto enters = std::max(now, way.opens);
    if (count == 0) return way.queue.end(Ending::kFin, enters + shape_.delay);
    const auto octets = static_cast<std::size_t>(count);
    const auto left = way.bottleneck.pass(octets, enters);
    if (!way.over) way.queue.push(MutableBytes(buffer).first(octets), left + shape_.delay);
  }
}

void Connection::deliver(Way& way, TimePoint now, Stats& stats) {
  std::array<iovec, 64> pieces{};
  while (!way.over && way.to.writable()) {
    auto most = std::numeric_limits<std::size_t>::max();
    if (shape_.drop_after != 0) most = std::min(most, shape_.drop_after - passed_);
    const auto used = way.queue.gather(now, most, pieces);
    if (used == 0) break;
    const auto count = way.to.send(std::span(pieces).first(used));
    if (count == -1) break;
    if (count == -2) {  // reading from it will tell, and pass the reset on
      way.queue.clear();
      way.over = true;
      return;
    }
    way.queue.pop(static_cast<std::size_t>(count));
    stats.*way.counter += static_cast<std::uint64_t>(count);
    passed_ += static_cast<std::uint64_t>(count);
  }
  const auto ending = way.queue.ending(now);
  if (ending == Ending::kNone || way.over) return;
  if (ending == Ending::kReset) {  // and nothing goes the other way any more
    way.to.reset();
    up_.over = down_.over = true;
    return;
  }
  if (!way.to.writable()) return;  // not yet connected
  way.to.end_sending();
  way.over = true;
}

void Connection::reset() {
  near_.reset();
  far_.reset();
  up_.over = down_.over = true;
}

void Connection::swallow() {
  swallowed_ = true;
  up_.queue.clear();
  down_.queue.clear();
}

bool Connection::step_swallowed() {
  for (Endpoint* end : {&near_, &far_}) {
    for (int i = 0; i < kReadsPerStep && end->readable(); ++i) {
      const auto count = end->receive(buffer);
      if (count == 0 || count == -2) end->close();
    }
  }
  return near_.open() || far_.open();
}

TimePoint Connection::next_step(TimePoint now) const {
  if (swallowed_) return near_.readable() || far_.readable() ? now : TimePoint::max();
  const auto dial = dialled_ ? TimePoint::max() : dial_at_;
  return std::min({dial, next_step(up_, now), next_step(down_, now)});
}

TimePoint Connection::next_step(const Way& way, TimePoint now) const {
  if (may_read(way, now)) return now;
  auto next = TimePoint::max();
  if (way.from.readable() && !way.queue.ended() && !shape_.crowded &&
      way.queue.held() < shape_.window)
    next = std::max(way.opens, way.bottleneck.room_from());
  if (way.over) return next;
  if (const auto reset = way.queue.reset_arrival()) next = std::min(next, *reset);
  const auto arrival = way.queue.next_arrival();
  if (arrival && way.to.writable()) next = std::min(next, *arrival);
  return next;
}

}  // namespace culvert::link
