// One of two processes ends in the middle and another goes on from its snapshot.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "mux_world.h"

namespace culvert::mux {
namespace {

using Kind = Event::Kind;

Snapshot through_bytes(const Snapshot& snapshot) {
  ByteVector bytes;
  Writer out(bytes);
  encode(snapshot, out);
  Reader in(bytes);
  auto decoded = decode_snapshot(in);
  EXPECT_TRUE(decoded && in.done());
  return decoded ? *decoded : snapshot;
}

void hand_over(World& world, Mux& which) {
  const auto snapshot = through_bytes(which.snapshot());
  which = Mux(snapshot.role);
  which.restore(snapshot);
  world.lose();
}

std::map<Kind, int> count_events(Mux& mux) {
  std::map<Kind, int> counts;
  while (const auto event = mux.next_event()) ++counts[event->kind];
  return counts;
}

TEST(MuxSnapshot, AStreamThatNobodyAcceptedIsOpenedAgainWithItsTargetAndData) {
  World world;
  const auto stream = *world.alice.open(as_bytes("target"));
  world.alice.write(stream, as_bytes("early"));
  world.settle();
  ASSERT_TRUE(event_of(world.bob, Kind::kOpened));
  hand_over(world, world.bob);
  ASSERT_TRUE(event_of(world.bob, Kind::kOpened));
  EXPECT_EQ(as_text(world.bob.target(stream)), "target");
  EXPECT_EQ(as_text(world.bob.readable(stream)), "early");
  world.bob.accept(stream);
  world.settle();
  EXPECT_TRUE(event_of(world.alice, Kind::kAccepted));
}

TEST(MuxSnapshot, AnAcceptanceIsToldOnceWhetherTheFirstOwnerHeardItOrNot) {
  for (const bool heard : {false, true}) {
    World world;
    const auto stream = *world.alice.open(as_bytes("t"));
    world.settle();
    world.bob.accept(stream);
    world.settle();
    if (heard) {
      ASSERT_TRUE(event_of(world.alice, Kind::kAccepted));
    }
    hand_over(world, world.alice);
    world.settle();
    EXPECT_EQ(count_events(world.alice)[Kind::kAccepted], heard ? 0 : 1);
  }
}

TEST(MuxSnapshot, AResetThatWasNotTakenIsToldBehindWhatCameBeforeIt) {
  World world;
  const auto empty = *world.alice.open(as_bytes("t")), full = *world.alice.open(as_bytes("t"));
  world.settle();
  world.bob.write(full, as_bytes("last words"));
  world.settle();
  world.bob.reset(empty, ErrorCode::kRefused, "no");
  world.bob.reset(full, ErrorCode::kReset, "gone");
  world.settle();
  hand_over(world, world.alice);
  const auto reset = event_of(world.alice, Kind::kReset);
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->stream, empty);
  EXPECT_EQ(reset->code, ErrorCode::kRefused);
  EXPECT_EQ(as_text(world.alice.readable(full)), "last words");
  world.alice.consumed(full, 10);
  EXPECT_TRUE(event_of(world.alice, Kind::kReset));
}

TEST(MuxSnapshot, AResetThatHadNotLeftYetReachesThePeer) {
  World world;
  const auto stream = *world.alice.open(as_bytes("t"));
  world.settle();
  world.bob.reset(stream, ErrorCode::kTimedOut, "too late");
  hand_over(world, world.bob);
  world.settle();
  const auto reset = event_of(world.alice, Kind::kReset);
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->code, ErrorCode::kTimedOut);
}

TEST(MuxSnapshot, AHalfClosedStreamStaysHalfClosed) {
  World world;
  const auto stream = *world.alice.open(as_bytes("t"));
  world.settle();
  world.bob.accept(stream);
  world.alice.finish(stream);
  world.settle();
  world.bob.end_taken(stream);
  for (auto* side : {&world.alice, &world.bob}) hand_over(world, *side);
  world.settle();
  EXPECT_TRUE(world.alice.finished(stream));
  EXPECT_TRUE(world.bob.end_was_taken(stream));
  EXPECT_EQ(count_events(world.bob)[Kind::kReadable], 0) << "the end has been taken";
  world.bob.write(stream, as_bytes("still talking"));
  world.settle();
  EXPECT_EQ(as_text(world.alice.readable(stream)), "still talking");
  EXPECT_FALSE(world.alice.at_end(stream));
}

TEST(MuxSnapshot, StreamIdsAreNotUsedASecondTime) {
  World world;
  const auto first = *world.alice.open(as_bytes("t"));
  world.settle();
  world.alice.reset(first, ErrorCode::kReset);
  world.settle();
  hand_over(world, world.alice);
  EXPECT_GT(*world.alice.open(as_bytes("t")), first);
}

TEST(MuxSnapshot, BytesThatAreCutOrAlteredAreRefusedOrSound) {
  World world;
  const auto stream = *world.alice.open(as_bytes("target"));
  world.alice.write(stream, ByteVector(1000));
  world.settle();
  ByteVector bytes;
  Writer out(bytes);
  encode(world.bob.snapshot(), out);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Reader cut(Bytes{bytes}.first(size));
    EXPECT_FALSE(decode_snapshot(cut)) << size;
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto altered = bytes;
    altered[at] ^= std::byte{0xff};
    Reader in(altered);
    const auto decoded = decode_snapshot(in);
    if (!decoded || decoded->role != Role::kResponder) continue;
    Mux mux(Role::kResponder);
    mux.restore(*decoded);  // must not assert
  }
}

// An owner that does only what events tell it to, as the flows do.
struct Owner {
  struct Direction {
    ByteVector bytes;
    std::size_t done = 0;
    bool ended = false;
  };
  std::map<StreamId, Direction> sends, gets;
  std::set<StreamId> may_read, may_write;

  void forget_events() { may_read.clear(); }  // the next process has heard nothing
  void take_events(Mux& mux) {
    while (const auto event = mux.next_event()) {
      const auto id = event->stream;
      ASSERT_NE(event->kind, Kind::kReset);
      if (event->kind == Kind::kOpened && !mux.accepted(id)) mux.accept(id);
      if (event->kind == Kind::kOpened) may_write.insert(id);
      if (event->kind == Kind::kReadable) may_read.insert(id);
      if (event->kind == Kind::kWritable) may_write.insert(id);
    }
  }
  void write(Mux& mux, std::mt19937& rng) {
    for (auto& [id, out] : sends) {
      if (!mux.knows(id) || out.ended || !may_write.contains(id)) continue;
      const auto left = Bytes{out.bytes}.subspan(out.done);
      const auto piece = left.first(std::min<std::size_t>(left.size(), rng() % 300'000));
      const auto taken = mux.write(id, piece);
      if (taken < piece.size()) may_write.erase(id);
      out.done += taken;
      out.ended = out.done == out.bytes.size();
      if (out.ended) mux.finish(id);
    }
  }
  void read(Mux& mux, std::mt19937& rng) {
    for (const auto id : std::set(may_read)) {
      if (!mux.knows(id) || id == kControlStream) continue;
      const auto ready = mux.readable(id);
      const auto count = ready.empty() ? 0 : rng() % (ready.size() + 1);
      append(gets[id].bytes, ready.first(count));
      if (count != 0) mux.consumed(id, count);
      if (count == ready.size()) may_read.erase(id);
      if (!mux.at_end(id)) continue;
      gets[id].ended = true;
      mux.end_taken(id);
    }
  }
};

class MuxHandedOver : public testing::TestWithParam<unsigned> {};

TEST_P(MuxHandedOver, LosesNoOctetAndDoublesNone) {
  std::mt19937 rng(GetParam());
  World world;
  Owner alice, bob;
  const auto open_one = [&] {
    const auto id = *world.alice.open(as_bytes("x"));
    alice.may_write.insert(id);
    for (auto* sends : {&alice.sends, &bob.sends}) {
      auto& bytes = (*sends)[id].bytes;
      bytes.resize(rng() % 600'000);
      std::ranges::generate(bytes, [&] { return static_cast<std::byte>(rng()); });
    }
  };
  for (int i = 0; i < 3; ++i) open_one();
  const auto over = [&] {
    const auto got = [](const Owner& from, const Owner& to) {
      return std::ranges::all_of(from.sends, [&](const auto& one) {
        const auto found = to.gets.find(one.first);
        return found != to.gets.end() && found->second.ended;
      });
    };
    return got(alice, bob) && got(bob, alice);
  };
  int handed_over = 0;
  for (int turn = 0; turn < 200'000 && !over(); ++turn) {
    alice.write(world.alice, rng);
    bob.write(world.bob, rng);
    World::send(world.alice, world.to_bob, kHeaderSize + 300 + rng() % 40'000);
    World::send(world.bob, world.to_alice, kHeaderSize + 300 + rng() % 40'000);
    if (rng() % 3 == 0) World::deliver(world.to_bob, world.bob);
    if (rng() % 3 == 0) World::deliver(world.to_alice, world.alice);
    if (rng() % 4 != 0) alice.take_events(world.alice);
    if (rng() % 4 != 0) bob.take_events(world.bob);
    alice.read(world.alice, rng);
    bob.read(world.bob, rng);
    if (rng() % 4 == 0) world.alice.acknowledge_now();
    if (rng() % 4 == 0) world.bob.acknowledge_now();
    if (rng() % 40 == 0) world.alice.ping(rng());
    if (rng() % 60 == 0 && alice.sends.size() < 8) open_one();
    if (rng() % 50 != 0) continue;
    ++handed_over;
    const bool first = rng() % 2 == 0;
    hand_over(world, first ? world.alice : world.bob);
    (first ? alice : bob).forget_events();
  }
  ASSERT_TRUE(over()) << handed_over << " times handed over";
  EXPECT_GT(handed_over, 0);
  for (const auto& [id, sent] : alice.sends) EXPECT_EQ(bob.gets[id].bytes, sent.bytes);
  for (const auto& [id, sent] : bob.sends) EXPECT_EQ(alice.gets[id].bytes, sent.bytes);
  world.settle();
  EXPECT_EQ(world.alice.stream_count(), 1u) << "only the control stream is left";
  EXPECT_EQ(world.bob.stream_count(), 1u);
}
INSTANTIATE_TEST_SUITE_P(Seeds, MuxHandedOver, testing::Range(0u, 30u));

}  // namespace
}  // namespace culvert::mux
