// Carriers that are lost with whatever was on them: each side starts again from what it knows.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "mux_world.h"
#include "random_streams.h"

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

TEST(MuxRestart, ThousandsOfStalledReadersHoldABoundedLog) {
  SendBudget budget;
  for (int i = 0; i < 8192; ++i) {
    const auto room = budget.room(0);
    EXPECT_GE(room, kPressedShare) << "each of them goes on";
    budget.add(room);
  }
  EXPECT_LT(budget.used(), 3 * SendBudget::kCrowded + (16u << 20));
}

TEST(MuxRestart, AStreamThatMayHoldLittleIsToldWhenThatHasArrived) {
  World world;
  const ByteVector lump(1 << 20);
  const auto other = *world.alice.open(as_bytes("other"));
  world.settle();
  std::vector<StreamId> stalled;
  for (int i = 0; i < 250; ++i) stalled.push_back(*world.alice.open(as_bytes("stalled")));
  for (int i = 0; i < 3; ++i) {  // what they have room for at first is acknowledged
    for (const auto id : stalled) world.alice.write(id, lump);
    world.settle();
  }
  while (world.alice.next_event()) continue;
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(world.alice.write(other, lump), kCrowdedShare) << i;
    world.settle();
    while (const auto event = world.alice.next_event()) ASSERT_EQ(event->kind, Kind::kWritable);
    world.bob.consumed(other, world.bob.readable(other).size());
    world.settle();
  }
}

class MuxLostCarriers : public testing::TestWithParam<unsigned> {};

// Streams come and go, half-closed, reset and read at random, while carriers are lost at random.
TEST_P(MuxLostCarriers, LoseNoOctetAndDoubleNone) {
  std::mt19937 rng(GetParam());
  World world;
  RandomStreams up, down;
  const auto open_one = [&] {
    const auto id = *world.alice.open(as_bytes("x"));
    for (auto* d : {&up[id], &down[id]}) {
      d->sent.resize(rng() % 200'000);
      for (auto& b : d->sent) b = static_cast<std::byte>(rng());
    }
  };
  for (int i = 0; i < 4; ++i) open_one();
  for (int turn = 0; turn < 200'000 && !(all_ended(up) && all_ended(down)); ++turn) {
    write_some(world.alice, up, 30'000, rng);
    write_some(world.bob, down, 30'000, rng);
    World::send(world.alice, world.to_bob, kHeaderSize + 300 + rng() % 40'000);
    World::send(world.bob, world.to_alice, kHeaderSize + 300 + rng() % 40'000);
    if (rng() % 3 == 0) World::deliver(world.to_bob, world.bob);
    if (rng() % 3 == 0) World::deliver(world.to_alice, world.alice);
    read_some(world.bob, up, rng);
    read_some(world.alice, down, rng);
    if (rng() % 4 == 0) world.alice.acknowledge_now();
    if (rng() % 4 == 0) world.bob.acknowledge_now();
    if (rng() % 40 == 0) world.alice.ping(rng());
    if (rng() % 60 == 0 && up.size() < 12) open_one();
    if (rng() % 50 == 0) world.lose();
  }
  ASSERT_TRUE(all_ended(up) && all_ended(down));
  expect_all_came(up);
  expect_all_came(down);
  world.settle();
  EXPECT_EQ(world.alice.stream_count(), 1u) << "only the control stream is left";
  EXPECT_EQ(world.bob.stream_count(), 1u);
}
INSTANTIATE_TEST_SUITE_P(Seeds, MuxLostCarriers, testing::Range(0u, 30u));

}  // namespace
}  // namespace culvert::mux
