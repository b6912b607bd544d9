#include "simulated_path.h"

#include <algorithm>

namespace culvert::quic {
namespace {

std::byte octet_at(std::size_t offset) {
  return static_cast<std::byte>((offset * 2654435761u) >> 13);
}

}  // namespace

SimulatedPath::SimulatedPath(std::uint64_t seed, const PathShape& with,
                             Connection::Congestion congestion)
    : shape(with), random(seed) {
  Connection::Settings settings;
  random.fill(settings.key.edit());
  settings.random = &random;
  settings.congestion = congestion;
  client = *Connection::make(settings, now);
  settings.role = Connection::Role::kServer;
  server = *Connection::make(settings, now);
}

void SimulatedPath::send_all(Connection& from, bool to_server) {
  for (auto batch = from.pack(now); !batch.empty(); batch = from.pack(now))
    for (const auto& datagram : batch) {
      put(datagram, to_server);
      if (random.chance(shape.repeat)) put(datagram, to_server);
    }
}

void SimulatedPath::put(Bytes datagram, bool to_server) {
  ++datagrams;
  octets += datagram.size();
  if (datagram.size() < 100) ++acknowledgements;
  largest_seen = std::max(largest_seen, datagram.size());
  auto arrives = now + shape.delay;
  if (shape.jitter.count() > 0)
    arrives += Duration{
        static_cast<std::int64_t>(random.below(static_cast<std::size_t>(shape.jitter.count())))};
  if (shape.octets_per_second > 0) {
    auto& free_at = free_at_[to_server ? 1 : 0];
    free_at = std::max(free_at, now);
    const auto waiting =
        std::chrono::duration<double>(free_at - now).count() * shape.octets_per_second;
    if (waiting > static_cast<double>(shape.queue)) {
      ++dropped;
      return;
    }
    free_at += std::chrono::duration_cast<Duration>(std::chrono::duration<double>(
        static_cast<double>(datagram.size()) / shape.octets_per_second));
    arrives += free_at - now;
  }
  if (datagram.size() > shape.largest || random.chance(shape.loss)) {
    ++dropped;
    return;
  }
  flying_.emplace(arrives, Flying{ByteVector(datagram.begin(), datagram.end()), to_server});
}

bool SimulatedPath::run(const std::function<bool()>& done, Duration limit) {
  const auto until = now + limit;
  while (true) {
    const bool over = done();
    send_all(*client, true);
    send_all(*server, false);
    if (over) return true;
    auto next = until;
    if (!flying_.empty()) next = std::min(next, flying_.begin()->first);
    for (const auto* one : {client.get(), server.get()})
      if (const auto due = one->next_deadline()) next = std::min(next, std::max(*due, now));
    now = std::min(next, until);
    if (next >= until) return done();
    while (!flying_.empty() && flying_.begin()->first <= now) {
      auto flown = std::move(flying_.begin()->second);
      flying_.erase(flying_.begin());
      if (meddle) meddle(flown.datagram, flown.to_server);
      (flown.to_server ? *server : *client).receive(flown.datagram, now);
    }
    client->tick(now);
    server->tick(now);
  }
}

void Transfer::step() {
  while (written_ < count_ && from_.room() > 0) {
    const auto want = std::min(count_ - written_, 1 + path_.random.below(40'000));
    ByteVector piece(want);
    for (std::size_t i = 0; i < want; ++i) piece[i] = octet_at(written_ + i);
    written_ += from_.write(piece);
  }
  if (written_ == count_ && !ended_) {
    from_.end_writing();
    ended_ = true;
  }
  ByteVector room(1 + path_.random.below(60'000));
  while (const auto got = to_.read(room))
    for (std::size_t i = 0; i < got; ++i)
      if (room[i] != octet_at(read_++)) ++wrong;
}

}  // namespace culvert::quic
