// Streams that are reset behind what their owner had written.
#include <algorithm>

#include "mux_world.h"

namespace culvert::mux {
namespace {

using Kind = Event::Kind;

struct LeavingWorld : World {
  LeavingWorld() {
    EXPECT_TRUE(alice.open({}));
    settle();
    stream = event_of(bob, Kind::kOpened)->stream;
    bob.accept(stream);
    settle();
    while (alice.next_event()) {
    }
  }
  // Bob's owner takes all that there is; counts it.
  std::size_t read() {
    if (!bob.knows(stream)) return 0;
    const auto size = bob.readable(stream).size();
    bob.consumed(stream, size);
    return size;
  }
  StreamId stream{};
};

TEST(MuxLeave, ResetGoesOutBehindWhatWasWritten) {
  LeavingWorld world;
  world.alice.write(world.stream, ByteVector(200'000));
  world.alice.reset_behind(world.stream, ByteVector(50'000), ErrorCode::kReset, "gone", {});
  std::size_t got = 0;
  for (int i = 0; i < 100; ++i) {
    world.settle();
    got += world.read();
  }
  EXPECT_EQ(got, 250'000u);
  const auto reset = event_of(world.bob, Kind::kReset);
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->code, ErrorCode::kReset);
  EXPECT_EQ(world.bob.last_reason(), "gone");
  EXPECT_FALSE(world.alice.knows(world.stream));
  EXPECT_FALSE(world.alice.patience_ends());
}

TEST(MuxLeave, AnOwnerWhoHasGoneHearsOfNothing) {
  LeavingWorld world;
  StreamOwner owner;
  world.alice.set_owner(world.stream, &owner);
  world.bob.write(world.stream, ByteVector(10'000));
  world.settle();
  world.alice.write(world.stream, ByteVector(100'000));
  world.alice.reset_behind(world.stream, {}, ErrorCode::kReset, "gone", {});
  world.bob.write(world.stream, ByteVector(20'000));
  world.bob.finish(world.stream);
  world.settle();
  while (const auto event = world.alice.next_event()) EXPECT_EQ(event->owner, nullptr);
  EXPECT_FALSE(world.alice.has_data(world.stream));
}

TEST(MuxLeave, WhoGivesNoCreditHearsOfTheResetAfterAWhile) {
  LeavingWorld world;
  const TimePoint start{std::chrono::seconds{5}};
  world.alice.write(world.stream, ByteVector(200'000));
  world.alice.reset_behind(world.stream, {}, ErrorCode::kReset, "gone", start);
  world.settle();
  const auto ends = world.alice.patience_ends();
  ASSERT_TRUE(ends);
  EXPECT_GT(*ends, start);
  EXPECT_LT(*ends, start + std::chrono::seconds{1});
  world.alice.lose_patience(*ends);
  EXPECT_TRUE(world.alice.knows(world.stream)) << "some of it had left since";
  const auto again = world.alice.patience_ends();
  ASSERT_TRUE(again);
  world.alice.lose_patience(*again);
  EXPECT_FALSE(world.alice.knows(world.stream));
  EXPECT_FALSE(world.alice.patience_ends());
  world.settle();
  EXPECT_TRUE(world.bob.is_reset(world.stream));
  EXPECT_EQ(world.read(), kInitialWindow);
}

TEST(MuxLeave, WhatWaitsForACarrierIsNotGivenUp) {
  LeavingWorld world;
  world.alice.write(world.stream, ByteVector(10'000));
  world.alice.reset_behind(world.stream, {}, ErrorCode::kReset, "gone", {});
  for (int second = 1; second < 10; ++second)
    world.alice.lose_patience(TimePoint{std::chrono::seconds{second}});
  world.lose();
  world.settle();
  EXPECT_EQ(world.read(), 10'000u);
  EXPECT_TRUE(event_of(world.bob, Kind::kReset));
}

TEST(MuxLeave, APeerWhoResetsItMeanwhileIsToldNothing) {
  LeavingWorld world;
  world.alice.write(world.stream, ByteVector(200'000));
  world.alice.reset_behind(world.stream, {}, ErrorCode::kReset, "gone", {});
  world.settle();
  world.bob.reset(world.stream, ErrorCode::kReset);
  world.settle();
  EXPECT_FALSE(world.alice.knows(world.stream));
  EXPECT_FALSE(event_of(world.alice, Kind::kReset));
  world.alice.lose_patience(TimePoint{std::chrono::seconds{9}});
  EXPECT_FALSE(world.alice.patience_ends());
  EXPECT_FALSE(world.alice.has_output());
}

TEST(MuxLeave, TheNextProcessResetsIt) {
  LeavingWorld world;
  world.alice.write(world.stream, ByteVector(200'000));
  world.alice.reset_behind(world.stream, {}, ErrorCode::kTimedOut, "gone", {});
  world.settle();
  const auto snapshot = world.alice.snapshot();
  world.alice = Mux{Role::kInitiator};
  world.alice.restore(snapshot);
  world.lose();
  world.settle();
  EXPECT_TRUE(world.bob.is_reset(world.stream));
}

TEST(MuxLeave, ManyThatReadNothingAreNotHeldFor) {
  LeavingWorld world;
  std::vector<StreamId> all;
  for (int i = 0; i < 400; ++i) {
    all.push_back(*world.alice.open({}));
    world.alice.write(all.back(), ByteVector(100'000));
  }
  world.settle();
  for (const auto id : all)
    world.alice.reset_behind(id, ByteVector(1'000'000), ErrorCode::kReset, "gone", {});
  EXPECT_LE(world.alice.stream_count(), 258u);
  const auto snapshot = world.alice.snapshot();
  EXPECT_LE(snapshot.streams.size(), 2u);
}

}  // namespace
}  // namespace culvert::mux
