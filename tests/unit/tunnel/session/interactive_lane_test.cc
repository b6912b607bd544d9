// The interactive lane of a session: sealed by keys of its own, watched by itself.
#include <gtest/gtest.h>

#include "tunnel/session/session.h"

namespace culvert::session {
namespace {

using namespace std::chrono_literals;
constexpr auto kAead = crypto::AeadAlgorithm::kChaCha20Poly1305;

Secret<32> key(int number) {
  Secret<32> out;
  out.edit()[0] = static_cast<std::byte>(number);
  return out;
}

CarrierKeys keys(int sending, int receiving) {
  return {{key(sending), key(receiving)}, kAead, {}, Duration{1ms}};
}

struct Pair {
  Session alice{mux::Role::kInitiator}, bob{mux::Role::kResponder};
  TimePoint now{100s};
  ByteVector to_bob, to_alice;  // what was on the lane last

  Pair() {
    EXPECT_TRUE(alice.attach(keys(1, 2), now));
    EXPECT_TRUE(bob.attach(keys(2, 1), now));
    by_first();
  }
  void add_lane() {
    EXPECT_TRUE(alice.attach_lane(keys(3, 4), now));
    EXPECT_TRUE(bob.attach_lane(keys(4, 3), now));
  }
  static ByteVector take(Session& from, TimePoint now) {
    from.fill_output(now);
    const auto pending = from.pending_output();
    ByteVector out(pending.begin(), pending.end());
    from.output_sent(out.size());
    return out;
  }
  static ByteVector take(InteractiveLane& from, TimePoint now) {
    from.fill_output(now);
    const auto pending = from.pending_output();
    ByteVector out(pending.begin(), pending.end());
    from.output_sent(out.size());
    return out;
  }
  void by_first() {
    for (int i = 0; i < 10; ++i) {
      auto up = take(alice, now);
      EXPECT_TRUE(up.empty() || bob.receive(up, now));
      auto down = take(bob, now);
      EXPECT_TRUE(down.empty() || alice.receive(down, now));
      now += 26ms;  // acknowledgements do not wait any longer
      EXPECT_TRUE(alice.tick(now));
      EXPECT_TRUE(bob.tick(now));
    }
  }
  Result<void> by_lane() {
    to_bob = take(*alice.lane(), now);
    auto up = to_bob;
    if (!up.empty()) CULVERT_RETURN_IF_ERROR(bob.receive_from_lane(up, now));
    to_alice = take(*bob.lane(), now);
    auto down = to_alice;
    if (!down.empty()) CULVERT_RETURN_IF_ERROR(alice.receive_from_lane(down, now));
    return {};
  }
  mux::StreamId dialogue() {
    const auto stream = *alice.streams().open(as_bytes("t"));
    by_first();
    bob.streams().accept(stream);
    by_first();
    for (int i = 0; i < 3; ++i) {
      alice.streams().write(stream, as_bytes("?"));
      EXPECT_TRUE(by_lane());
      by_first();
    }
    bob.streams().consumed(stream, bob.streams().readable(stream).size());
    return stream;
  }
};

TEST(InteractiveLane, CarriesADialogueUnderKeysOfItsOwn) {
  Pair pair;
  pair.add_lane();
  const auto stream = pair.dialogue();
  pair.alice.streams().write(stream, as_bytes("hello"));
  const auto sent = pair.alice.octets_sent();
  ASSERT_TRUE(pair.by_lane());
  EXPECT_FALSE(pair.to_bob.empty());
  EXPECT_EQ(as_text(pair.bob.streams().readable(stream)), "hello");
  EXPECT_EQ(pair.alice.octets_sent(), sent + pair.to_bob.size());
}

TEST(InteractiveLane, RecordsThatAreRepeatedOrChangedDoNotOpenAndEndItAlone) {
  Pair pair;
  pair.add_lane();
  const auto stream = pair.dialogue();
  pair.alice.streams().write(stream, as_bytes("hello"));
  ASSERT_TRUE(pair.by_lane());
  auto again = pair.to_bob;
  const auto repeated = pair.bob.receive_from_lane(again, pair.now);
  ASSERT_FALSE(repeated);
  EXPECT_EQ(repeated.error().code, ErrorCode::kAuthentication);
  pair.bob.detach_lane();
  pair.alice.detach_lane();
  pair.alice.streams().write(stream, as_bytes(" again"));
  pair.by_first();
  EXPECT_EQ(as_text(pair.bob.streams().readable(stream)), "hello again");
}

TEST(InteractiveLane, OneThatFallsSilentIsGivenUpWithinThreeSeconds) {
  Pair pair;
  pair.add_lane();
  const auto stream = pair.dialogue();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pair.by_lane());
  pair.alice.streams().write(stream, as_bytes("lost"));
  auto& lane = *pair.alice.lane();
  Pair::take(lane, pair.now);
  const auto begin = pair.now;
  while (lane.tick(pair.now)) {
    Pair::take(lane, pair.now);
    pair.now += 10ms;
    ASSERT_LT(pair.now, begin + 10s);
  }
  EXPECT_LT(pair.now, begin + 3s);
  pair.alice.detach_lane();
  pair.by_first();
  EXPECT_EQ(as_text(pair.bob.streams().readable(stream)), "lost");
}

TEST(InteractiveLane, OutlivesTheLossOfTheFirstCarrier) {
  Pair pair;
  pair.add_lane();
  const auto stream = pair.dialogue();
  pair.alice.detach();
  pair.bob.detach();
  pair.alice.streams().write(stream, as_bytes("meanwhile"));
  ASSERT_TRUE(pair.by_lane());
  EXPECT_EQ(as_text(pair.bob.streams().readable(stream)), "meanwhile");
  EXPECT_TRUE(pair.alice.attach(keys(5, 6), pair.now));
  EXPECT_TRUE(pair.bob.attach(keys(6, 5), pair.now));
  pair.by_first();
  EXPECT_EQ(as_text(pair.bob.streams().readable(stream)), "meanwhile") << "and not twice";
}

TEST(InteractiveLane, IsIdleHalfAMinuteAfterItBeganAtTheEarliest) {
  Pair pair;
  pair.add_lane();
  EXPECT_FALSE(pair.alice.lane_is_idle(pair.now + 29s));
  EXPECT_TRUE(pair.alice.lane_is_idle(pair.now + 30s));
}

TEST(InteractiveLane, IsWantedOnceBulkAndDialoguesHavePassedTogetherForAWhile) {
  LaneWish wish;
  TimePoint now{100s};
  wish.observe(true, now);
  wish.observe(true, now += 10ms);
  EXPECT_FALSE(wish.wanted(now));
  wish.observe(true, now += 100ms);
  EXPECT_FALSE(wish.wanted(now));
  wish.observe(true, now += 1s);
  EXPECT_TRUE(wish.wanted(now));
  wish.observe(false, now += 6s);
  EXPECT_FALSE(wish.wanted(now)) << "that was long ago";
  EXPECT_FALSE(wish.idle(now));
  wish.observe(true, now);
  EXPECT_FALSE(wish.wanted(now));
  EXPECT_TRUE(wish.idle(now + 30s));
}

}  // namespace
}  // namespace culvert::session
