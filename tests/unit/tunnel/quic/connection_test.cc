#include "tunnel/quic/connection.h"

#include <gtest/gtest.h>

#include "simulated_path.h"

namespace culvert::quic {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMuch = 3'000'000;

std::uint64_t seed() { return std::random_device{}(); }

TEST(QuicConnection, StandsAfterOneRoundTripWithoutAnyCertificate) {
  SimulatedPath path(1, {.delay = 50ms});
  path.client->write(as_bytes("hello"));
  const auto begun = path.now;
  ASSERT_TRUE(path.run([&] { return path.server->readable(); }, 5s));
  EXPECT_LE(path.now - begun, 155ms);  // one round trip, and one way for the octets
  ByteVector room(10);
  EXPECT_EQ(path.server->read(room), 5u);
  EXPECT_TRUE(path.server->established());
}

TEST(QuicConnection, EveryOctetArrivesOnceAndInOrderOverAnyPath) {
  for (int round = 0; round < 12; ++round) {
    const auto chosen = seed();
    SCOPED_TRACE("seed " + std::to_string(chosen));
    SeededRandom random(chosen);
    const PathShape shape{.loss = random.chance(0.5) ? 0.05 : 0.0,
                          .repeat = random.chance(0.5) ? 0.1 : 0.0,
                          .delay = Duration{1us} * static_cast<int>(1 + random.below(40'000)),
                          .jitter = Duration{1us} * static_cast<int>(1 + random.below(20'000))};
    using enum Connection::Congestion;
    SimulatedPath path(chosen, shape, round % 2 == 0 ? kBbr2 : kCubic);
    Transfer up(path, *path.client, *path.server, 300'000),
        down(path, *path.server, *path.client, 300'000);
    ASSERT_TRUE(path.run(
        [&] {
          up.step();
          down.step();
          return (up.done() && down.done()) || path.client->failure() || path.server->failure();
        },
        300s))
        << up.read() << " and " << down.read() << " octets";
    EXPECT_EQ(path.client->failure(), nullptr) << path.client->failure()->detail;
    EXPECT_EQ(path.server->failure(), nullptr) << path.server->failure()->detail;
    EXPECT_TRUE(up.done());
    EXPECT_TRUE(down.done());
    EXPECT_EQ(up.wrong + down.wrong, 0u);
  }
}

TEST(QuicConnection, AReaderThatDoesNotReadStopsTheWriter) {
  SimulatedPath path(2, {});
  const ByteVector much(100'000);
  std::size_t written = 0;
  path.run(
      [&] {
        written += path.client->write(much);
        return false;
      },
      20s);
  EXPECT_GE(written, Connection::kFirstWindow);
  EXPECT_LE(written, Connection::kMostWindow + 300'000);
  EXPECT_EQ(path.client->failure(), nullptr);
}

TEST(QuicConnection, FindsOutHowLargeADatagramMayBe) {
  for (const std::size_t largest : {1200u, 1300u, 1452u}) {
    SimulatedPath path(3, {.largest = largest});
    Transfer up(path, *path.client, *path.server, kMuch);
    ASSERT_TRUE(path.run(
        [&] {
          up.step();
          return up.done();
        },
        60s));
    EXPECT_EQ(up.wrong, 0u);
    EXPECT_LE(path.client->facts().datagram, largest);
    EXPECT_GE(path.client->facts().datagram, largest == 1452 ? 1400u : 1200u);
  }
}

TEST(QuicConnection, APathThatDiesWhileNothingIsSaidIsNoticedAtLast) {
  SimulatedPath path(4, {});
  path.client->write(as_bytes("hello"));
  ASSERT_TRUE(path.run([&] { return path.server->readable(); }, 5s));
  path.run([] { return false; }, 5s);
  path.shape.loss = 1;
  EXPECT_FALSE(
      path.run([&] { return path.client->failure() != nullptr; }, Connection::kMostIdle - 10s));
  ASSERT_TRUE(path.run([&] { return path.client->failure() && path.server->failure(); }, 20s));
  EXPECT_EQ(path.client->failure()->code, ErrorCode::kTimedOut);
}

TEST(QuicConnection, AnIdleConnectionSendsNothing) {
  SimulatedPath path(5, {});
  path.client->write(as_bytes("hello"));
  path.run([] { return false; }, 10s);
  const auto before = path.datagrams;
  path.run([] { return false; }, 120s);
  EXPECT_EQ(path.datagrams, before);
  EXPECT_EQ(path.client->failure(), nullptr);
}

TEST(QuicConnection, APeerThatIsNotThereIsGivenUp) {
  SimulatedPath path(6, {.loss = 1});
  ASSERT_TRUE(path.run([&] { return path.client->failure() && path.server->failure(); }, 6s));
  EXPECT_EQ(path.client->failure()->code, ErrorCode::kTimedOut);
  EXPECT_EQ(path.server->failure()->code, ErrorCode::kTimedOut);
}

TEST(QuicConnection, AnAbortIsToldAtOnceAndWhatHadComeCanBeRead) {
  SimulatedPath path(7, {});
  path.client->write(as_bytes("last words"));
  ASSERT_TRUE(path.run([&] { return path.server->readable(); }, 5s));
  path.client->close();
  const auto begun = path.now;
  ASSERT_TRUE(path.run([&] { return path.server->failure() != nullptr; }, 5s));
  EXPECT_LE(path.now - begun, 11ms);
  EXPECT_EQ(path.server->failure()->code, ErrorCode::kReset);
  ByteVector room(100);
  EXPECT_EQ(path.server->read(room), 10u);
}

TEST(QuicConnection, BothEndsInOrderAreNoFailure) {
  SimulatedPath path(8, {});
  Transfer up(path, *path.client, *path.server, 1000), down(path, *path.server, *path.client, 1000);
  ASSERT_TRUE(path.run(
      [&] {
        up.step();
        down.step();
        return up.done() && down.done() && path.client->delivered();
      },
      5s));
  EXPECT_EQ(path.client->failure(), nullptr);
  path.client->close();
  ASSERT_TRUE(path.run([&] { return path.server->failure() != nullptr; }, 5s));
  EXPECT_EQ(path.server->failure()->code, ErrorCode::kClosed);
  EXPECT_TRUE(path.server->at_end());
}

}  // namespace
}  // namespace culvert::quic
