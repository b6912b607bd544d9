// Carriers that are lost with whatever was on them: each side starts again from what it knows.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "mux_world.h"

namespace culvert::mux {
namespace {

using Kind = Event::Kind;

TEST(MuxRestart, AnOpenThatWasLostIsSentAgainAndSeenOnce) {
  World world;
  const auto stream = *world.alice.open(as_bytes("t"));
  world.alice.write(stream, as_bytes("hello"));
  World::send(world.alice, world.to_bob, 4096);
  world.lose();
  world.settle();
  ASSERT_TRUE(event_of(world.bob, Kind::kOpened));
  EXPECT_EQ(as_text(world.bob.target(stream)), "t");
  EXPECT_EQ(as_text(world.bob.readable(stream)), "hello");
  world.lose();
  world.settle();
  EXPECT_FALSE(event_of(world.bob, Kind::kOpened)) << "it is known already";
  EXPECT_EQ(as_text(world.bob.readable(stream)), "hello");
}

TEST(MuxRestart, AnAcceptanceThatWasLostIsToldAgainAndSeenOnce) {
  World world;
  const auto stream = *world.alice.open(as_bytes("t"));
  world.settle();
  world.bob.accept(stream);
  World::send(world.bob, world.to_alice, 4096);
  world.lose();
  world.settle();
  EXPECT_TRUE(event_of(world.alice, Kind::kAccepted));
  world.lose();
  world.settle();
  EXPECT_FALSE(event_of(world.alice, Kind::kAccepted));
}

TEST(MuxRestart, AResetThatWasLostReachesThePeerAllTheSame) {
  World world;
  const auto stream = *world.alice.open(as_bytes("t"));
  world.settle();
  world.bob.reset(stream, ErrorCode::kRefused, "nobody there");
  World::send(world.bob, world.to_alice, 4096);
  world.lose();
  world.settle();
  const auto reset = event_of(world.alice, Kind::kReset);
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->code, ErrorCode::kRefused);
}

TEST(MuxRestart, AResetOfAStreamWhoseOpenWasLostHarmsNobody) {
  World world;
  const auto lost = *world.alice.open(as_bytes("lost"));
  const auto kept = *world.alice.open(as_bytes("kept"));
  World::send(world.alice, world.to_bob, 4096);
  world.lose();
  world.alice.reset(lost, ErrorCode::kReset);
  world.settle();
  const auto opened = event_of(world.bob, Kind::kOpened);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->stream, kept);
  EXPECT_FALSE(world.bob.knows(lost));
}

TEST(MuxRestart, TheLastAcknowledgementMayBeLost) {
  World world;
  const auto stream = *world.alice.open(as_bytes("t"));
  world.settle();
  world.bob.accept(stream);
  world.alice.finish(stream);
  world.bob.finish(stream);
  world.settle();
  world.alice.end_taken(stream);
  world.settle();
  world.bob.end_taken(stream);  // bob forgets the stream: alice has acknowledged its end
  world.bob.acknowledge_now();
  World::send(world.bob, world.to_alice, 4096);
  world.lose();
  world.settle();
  EXPECT_FALSE(world.alice.knows(stream));
  EXPECT_FALSE(world.bob.knows(stream));
}

TEST(MuxRestart, EndsAreForgottenWhenAPongShowsThatTheyArrived) {
  World world;
  for (int i = 0; i < 300; ++i) {
    const auto stream = *world.alice.open(as_bytes("t"));
    world.settle();
    world.alice.reset(stream, ErrorCode::kReset);
    world.settle();
  }
  EXPECT_TRUE(world.alice.ping_wanted());
  world.alice.ping(7);
  world.settle();
  EXPECT_FALSE(world.alice.ping_wanted());
}

TEST(MuxRestart, AStalledReaderLeavesTheOthersRoomInTheBudget) {
  World world;
  const auto stalled = *world.alice.open(as_bytes("stalled"));
  const auto other = *world.alice.open(as_bytes("other"));
  const ByteVector lump(1 << 20);
  for (int i = 0; i < 100; ++i) {
    world.alice.write(stalled, lump);
    world.settle();
    if (world.bob.knows(other)) world.bob.consumed(other, world.bob.readable(other).size());
  }
  EXPECT_GE(world.alice.room(other), kLeastSendShare);
  EXPECT_GE(world.alice.write(other, lump), 128u * 1024) << "more than the least share";
}

class MuxLostCarriers : public testing::TestWithParam<unsigned> {};

// Streams come and go, half-closed, reset and read at random, while carriers are lost at random.
TEST_P(MuxLostCarriers, LoseNoOctetAndDoubleNone) {
  std::mt19937 rng(GetParam());
  World world;
  struct Direction {
    ByteVector sent, got;
    std::size_t written = 0;
    bool finished = false, ended = false;
  };
  std::map<StreamId, Direction> up, down;
  const auto open_one = [&] {
    const auto id = *world.alice.open(as_bytes("x"));
    for (auto* d : {&up[id], &down[id]}) {
      d->sent.resize(rng() % 200'000);
      for (auto& b : d->sent) b = static_cast<std::byte>(rng());
    }
  };
  for (int i = 0; i < 4; ++i) open_one();
  const auto write_some = [&](Mux& mux, std::map<StreamId, Direction>& directions) {
    for (auto& [id, d] : directions) {
      if (!mux.knows(id) || d.finished) continue;
      const auto piece = Bytes{d.sent}.subspan(d.written);
      d.written += mux.write(id, piece.first(std::min<std::size_t>(piece.size(), rng() % 30'000)));
      if (d.written == d.sent.size()) {
        mux.finish(id);
        d.finished = true;
      }
    }
  };
  const auto read_some = [&](Mux& mux, std::map<StreamId, Direction>& directions) {
    while (const auto event = mux.next_event()) {
      ASSERT_NE(event->kind, Kind::kReset);
      if (event->kind == Kind::kOpened) mux.accept(event->stream);
    }
    for (auto& [id, d] : directions) {
      if (!mux.knows(id) || d.ended) continue;
      const auto ready = mux.readable(id);
      const auto count = ready.empty() ? 0 : rng() % (ready.size() + 1);
      append(d.got, ready.first(count));
      mux.consumed(id, count);
      if (!mux.at_end(id)) continue;
      d.ended = true;
      mux.end_taken(id);
    }
  };
  const auto over = [&] {
    const auto ended = [](auto& d) { return d.second.ended; };
    return std::all_of(up.begin(), up.end(), ended) && std::all_of(down.begin(), down.end(), ended);
  };
  for (int turn = 0; turn < 200'000 && !over(); ++turn) {
    write_some(world.alice, up);
    write_some(world.bob, down);
    World::send(world.alice, world.to_bob, kHeaderSize + 300 + rng() % 40'000);
    World::send(world.bob, world.to_alice, kHeaderSize + 300 + rng() % 40'000);
    if (rng() % 3 == 0) World::deliver(world.to_bob, world.bob);
    if (rng() % 3 == 0) World::deliver(world.to_alice, world.alice);
    read_some(world.bob, up);
    read_some(world.alice, down);
    if (rng() % 4 == 0) world.alice.acknowledge_now();
    if (rng() % 4 == 0) world.bob.acknowledge_now();
    if (rng() % 40 == 0) world.alice.ping(rng());
    if (rng() % 60 == 0 && up.size() < 12) open_one();
    if (rng() % 50 == 0) world.lose();
  }
  ASSERT_TRUE(over());
  for (const auto& [id, d] : up) EXPECT_EQ(d.got, d.sent);
  for (const auto& [id, d] : down) EXPECT_EQ(d.got, d.sent);
  world.settle();
  EXPECT_EQ(world.alice.stream_count(), 1u) << "only the control stream is left";
  EXPECT_EQ(world.bob.stream_count(), 1u);
}
INSTANTIATE_TEST_SUITE_P(Seeds, MuxLostCarriers, testing::Range(0u, 30u));

}  // namespace
}  // namespace culvert::mux
