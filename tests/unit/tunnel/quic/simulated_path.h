// tests/unit/tunnel/quic/simulated_path.h: two connections and the path between them, with a clock
// of its own: datagrams are lost, late, overtaken, repeated, too large, queued at a bottleneck.
// Everything but the library's own TLS randomness follows from the seed.
#pragma once
#include <functional>
#include <map>
#include <random>

#include "tunnel/quic/connection.h"

namespace culvert::quic {

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine(seed) {}
  void fill(MutableBytes out) override {
    for (auto& octet : out) octet = static_cast<std::byte>(engine());
  }
  bool chance(double probability) {
    return std::uniform_real_distribution<>(0, 1)(engine) < probability;
  }
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(engine);
  }
  std::mt19937_64 engine;
};

// Of one direction.
struct PathShape {
  double loss = 0, repeat = 0;
  Duration delay = std::chrono::milliseconds{10}, jitter{};
  double octets_per_second = 0;    // 0: no bottleneck
  std::size_t queue = 256 * 1024;  // octets that wait there
  std::size_t largest = 1472;
};

class SimulatedPath {
 public:
  SimulatedPath(std::uint64_t seed, const PathShape& shape,
                Connection::Congestion congestion = Connection::Congestion::kBbr2);
  // Events until `done` or `limit` is over; true if done.
  bool run(const std::function<bool()>& done, Duration limit);
  // Before it arrives: may change it, or take it away by making it empty.
  std::function<void(ByteVector&, bool to_server)> meddle;

  std::unique_ptr<Connection> client, server;
  PathShape shape;
  SeededRandom random;
  TimePoint now{std::chrono::hours{1}};
  std::uint64_t datagrams = 0, octets = 0, dropped = 0, acknowledgements = 0;
  std::size_t largest_seen = 0;

 private:
  struct Flying {
    ByteVector datagram;
    bool to_server;
  };
  void send_all(Connection& from, bool to_server);
  void put(Bytes datagram, bool to_server);

  std::multimap<TimePoint, Flying> flying_;
  TimePoint free_at_[2]{};  // of the bottleneck
};

// Writes `count` numbered octets as they fit and reads them at the other end in odd pieces.
class Transfer {
 public:
  Transfer(SimulatedPath& path, Connection& from, Connection& to, std::size_t count)
      : path_(path), from_(from), to_(to), count_(count) {}
  void step();
  bool done() const { return read_ == count_ && to_.at_end(); }
  std::size_t read() const { return read_; }
  std::size_t wrong = 0;

 private:
  SimulatedPath& path_;
  Connection& from_;
  Connection& to_;
  std::size_t count_, written_ = 0, read_ = 0;
  bool ended_ = false;
};

}  // namespace culvert::quic
