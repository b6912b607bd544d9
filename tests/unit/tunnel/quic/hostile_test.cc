// What strangers and the network do to a connection must neither end it nor be taken for its own.
#include <gtest/gtest.h>

#include "simulated_path.h"

namespace culvert::quic {
namespace {

using namespace std::chrono_literals;

ByteVector random_datagram(SeededRandom& random, std::size_t length, std::byte first) {
  ByteVector datagram(length);
  random.fill(datagram);
  if (!datagram.empty()) datagram[0] = first;
  return datagram;
}

struct Pair {
  explicit Pair(std::uint64_t seed) : path(seed, {.delay = 5ms}) {}
  bool transfer(std::size_t count) {
    Transfer up(path, *path.client, *path.server, count),
        down(path, *path.server, *path.client, count);
    const bool done = path.run(
        [&] {
          up.step();
          down.step();
          return (up.done() && down.done()) || path.client->failure() || path.server->failure();
        },
        600s);
    return done && up.done() && down.done() && up.wrong + down.wrong == 0;
  }
  SimulatedPath path;
};

TEST(QuicConnectionAmongStrangers, AServerIsSilentTowardsWhoDoesNotHaveTheKey) {
  SimulatedPath path(1, {}), other(2, {});
  other.client->write(as_bytes("let me in"));
  for (int i = 0; i < 5; ++i) {
    for (auto batch = other.client->pack(path.now); !batch.empty();
         batch = other.client->pack(path.now))
      for (const auto& datagram : batch) path.server->receive(datagram, path.now);
    path.now += 1s;
    other.client->tick(path.now);
    EXPECT_TRUE(path.server->pack(path.now).empty());
  }
  SimulatedPath fresh(3, {});
  EXPECT_FALSE(fresh.server->established());
}

TEST(QuicConnectionAmongStrangers, AStrangerWhoWasFirstDoesNotTakeTheClientsPlace) {
  Pair pair(4);
  SimulatedPath other(5, {});
  for (const auto& datagram : other.client->pack(other.now))
    pair.path.server->receive(datagram, pair.path.now);
  EXPECT_TRUE(pair.transfer(10'000));
}

TEST(QuicConnectionAmongStrangers, RandomDatagramsChangeNothing) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Pair pair(seed);
  auto& random = pair.path.random;
  pair.path.meddle = [&](ByteVector&, bool to_server) {
    auto& victim = to_server ? *pair.path.server : *pair.path.client;
    const auto first = static_cast<std::byte>(random.below(256));
    victim.receive(random_datagram(random, random.below(1500), first), pair.path.now);
  };
  EXPECT_TRUE(pair.transfer(200'000));
}

TEST(QuicConnectionAmongStrangers, WhatIsDamagedOrTruncatedIsLostAndNothingElse) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Pair pair(seed);
  auto& random = pair.path.random;
  bool standing = false;
  pair.path.meddle = [&](ByteVector& datagram, bool) {
    standing = standing || (pair.path.client->established() && pair.path.server->established());
    if (!standing || !random.chance(0.1)) return;
    if (random.chance(0.5))
      datagram.resize(random.below(datagram.size()));
    else
      datagram[random.below(datagram.size())] ^= std::byte{0x10};
  };
  EXPECT_TRUE(pair.transfer(200'000));
}

TEST(QuicConnectionAmongStrangers, OldDatagramsThatComeAgainChangeNothing) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Pair pair(seed);
  auto& random = pair.path.random;
  std::vector<ByteVector> seen[2];
  pair.path.meddle = [&](ByteVector& datagram, bool to_server) {
    auto& mine = seen[to_server ? 1 : 0];
    mine.push_back(datagram);
    for (int i = 0; i < 3; ++i) {
      auto& victim = to_server ? *pair.path.server : *pair.path.client;
      victim.receive(mine[random.below(mine.size())], pair.path.now);
      // And what it sent itself.
      auto& others = seen[to_server ? 0 : 1];
      if (!others.empty()) victim.receive(others[random.below(others.size())], pair.path.now);
    }
  };
  EXPECT_TRUE(pair.transfer(200'000));
}

TEST(QuicConnectionAmongStrangers, EveryDatagramCanBeToldFromOtherTraffic) {
  for (std::uint64_t seed = 1; seed <= 16; ++seed) {
    Pair pair(seed);
    std::size_t strange = 0;
    pair.path.meddle = [&](ByteVector& datagram, bool) {
      const auto first = std::to_integer<unsigned>(datagram.at(0));
      if (!(first >= 64 && first <= 127) && first < 192) ++strange;
    };
    EXPECT_TRUE(pair.transfer(20'000));
    EXPECT_EQ(strange, 0u) << "seed " << seed;
  }
}

}  // namespace
}  // namespace culvert::quic
