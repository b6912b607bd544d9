// The interactive lane: a second wire, faster or slower than the first one, that comes and goes.
#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "mux_world.h"
#include "random_streams.h"

namespace culvert::mux {
namespace {

using Wire = std::deque<ByteVector>;

struct Lanes {
  Mux alice{Role::kInitiator}, bob{Role::kResponder};
  Wire to_bob, to_alice, lane_to_bob, lane_to_alice;
  TimePoint now{std::chrono::seconds{100}};

  void open() { alice.open_lane(), bob.open_lane(); }
  static void send(Mux& from, Wire& wire, std::size_t capacity = 4096) {
    ByteVector record(capacity);
    record.resize(from.fill(record.data(), record.size()));
    if (!record.empty()) wire.push_back(std::move(record));
  }
  static void send_by_lane(Mux& from, Wire& wire, std::size_t capacity = 4096) {
    if (!from.has_lane_output()) return;
    ByteVector record(capacity);
    record.resize(from.fill_lane(record.data(), record.size()));
    if (!record.empty()) wire.push_back(std::move(record));
  }
  void deliver(Wire& wire, Mux& to) const {
    if (wire.empty()) return;
    const auto received = to.receive(wire.front(), now);
    ASSERT_TRUE(received) << received.error().detail;
    wire.pop_front();
  }
  void deliver_by_lane(Wire& wire, Mux& to) const {
    if (wire.empty()) return;
    const auto received = to.receive_from_lane(wire.front(), now);
    ASSERT_TRUE(received) << received.error().detail;
    wire.pop_front();
  }
  void by_first() {
    for (int i = 0; i < 100; ++i) {
      send(alice, to_bob);
      send(bob, to_alice);
      deliver(to_bob, bob);
      deliver(to_alice, alice);
      alice.acknowledge_now();
      bob.acknowledge_now();
    }
  }
  // Alice's, accepted, and proven to be a dialogue.
  StreamId dialogue() {
    const auto stream = *alice.open(as_bytes("t"));
    by_first();
    bob.accept(stream);
    for (int i = 0; i < 3; ++i) {
      alice.write(stream, as_bytes("?"));
      send_by_lane(alice, lane_to_bob);
      deliver_by_lane(lane_to_bob, bob);
      by_first();
    }
    bob.consumed(stream, bob.readable(stream).size());
    return stream;
  }
};

TEST(MuxLane, ADialogueThatHasProvenItselfGoesByIt) {
  Lanes lanes;
  lanes.open();
  const auto stream = lanes.dialogue();
  lanes.by_first();
  lanes.alice.write(stream, as_bytes("hello"));
  EXPECT_FALSE(lanes.alice.has_output()) << "nothing of it by the first carrier";
  Lanes::send_by_lane(lanes.alice, lanes.lane_to_bob);
  EXPECT_TRUE(lanes.alice.take_lane_wants_answer());
  lanes.deliver_by_lane(lanes.lane_to_bob, lanes.bob);
  EXPECT_EQ(as_text(lanes.bob.readable(stream)), "hello");
}

TEST(MuxLane, AnAnswerGoesByItOnlyBehindTheNewsThatTheStreamWasAccepted) {
  Lanes lanes;
  lanes.open();
  const auto stream = *lanes.alice.open(as_bytes("t"));
  Lanes::send(lanes.alice, lanes.to_bob);
  lanes.deliver(lanes.to_bob, lanes.bob);
  lanes.bob.accept(stream);
  for (int i = 0; i < 9; ++i) {
    lanes.bob.write(stream, as_bytes("!"));
    EXPECT_FALSE(lanes.bob.has_lane_output());
    Lanes::send(lanes.bob, lanes.to_alice);
  }
  lanes.by_first();
  for (int i = 0; i < 3; ++i) {
    lanes.bob.write(stream, as_bytes("!"));
    Lanes::send(lanes.bob, lanes.to_alice);
  }
  lanes.bob.write(stream, as_bytes("!"));
  EXPECT_TRUE(lanes.bob.has_lane_output());
}

TEST(MuxLane, WhatIsOnTheFirstCarrierStillMayComeLater) {
  Lanes lanes;
  const auto stream = lanes.dialogue();
  lanes.open();
  for (int i = 0; i < 2; ++i) {
    lanes.alice.write(stream, as_bytes("held up "));
    Lanes::send(lanes.alice, lanes.to_bob);
  }
  lanes.alice.write(stream, as_bytes("fast"));
  Lanes::send_by_lane(lanes.alice, lanes.lane_to_bob);
  lanes.deliver_by_lane(lanes.lane_to_bob, lanes.bob);
  EXPECT_EQ(as_text(lanes.bob.readable(stream)), "held up held up fast");
  lanes.by_first();
  EXPECT_EQ(as_text(lanes.bob.readable(stream)), "held up held up fast");
}

TEST(MuxLane, WhatWasOnItGoesByTheFirstCarrierWhenItEnds) {
  Lanes lanes;
  lanes.open();
  const auto stream = lanes.dialogue();
  lanes.alice.write(stream, as_bytes("lost"));
  lanes.alice.finish(stream);
  Lanes::send_by_lane(lanes.alice, lanes.lane_to_bob);
  lanes.alice.close_lane();
  lanes.by_first();
  EXPECT_EQ(as_text(lanes.bob.readable(stream)), "lost");
  lanes.bob.consumed(stream, 4);
  EXPECT_TRUE(lanes.bob.at_end(stream));
}

TEST(MuxLane, IsWantedWhileADialoguePassesBesideBulk) {
  Lanes lanes;
  const auto bulk = *lanes.alice.open(as_bytes("bulk"));
  const auto pass = [&] {
    lanes.alice.write(bulk, ByteVector(20'000));
    Lanes::send(lanes.alice, lanes.to_bob, 30'000);
    lanes.by_first();
    lanes.bob.consumed(bulk, lanes.bob.readable(bulk).size());
  };
  pass();
  EXPECT_FALSE(lanes.alice.wants_lane()) << "bulk alone";
  const auto stream = *lanes.alice.open(as_bytes("t"));
  lanes.alice.write(stream, as_bytes("GET"));
  pass();
  EXPECT_FALSE(lanes.alice.wants_lane()) << "it may only have asked for more bulk";
  lanes.bob.accept(stream);
  for (int i = 0; i < 3; ++i) lanes.alice.write(stream, as_bytes("?")), pass();
  EXPECT_TRUE(lanes.alice.wants_lane());
  lanes.now += std::chrono::seconds{2};
  pass();
  EXPECT_FALSE(lanes.alice.wants_lane()) << "it says nothing any more";
}

TEST(MuxLane, ADialogueThatTurnsIntoBulkLeavesIt) {
  Lanes lanes;
  lanes.open();
  const auto stream = lanes.dialogue();
  lanes.alice.write(stream, ByteVector(40'000));
  EXPECT_FALSE(lanes.alice.has_lane_output());
  EXPECT_TRUE(lanes.alice.has_output());
  lanes.by_first();
  EXPECT_EQ(lanes.bob.readable(stream).size(), 40'000u);
}

TEST(MuxLane, ABulkOfModestPiecesLeavesItAsWell) {
  Lanes lanes;
  lanes.open();
  const auto stream = lanes.dialogue();
  for (int i = 0; i < 3; ++i) {
    lanes.alice.write(stream, ByteVector(6000));
    Lanes::send_by_lane(lanes.alice, lanes.lane_to_bob, 16'384);
    lanes.deliver_by_lane(lanes.lane_to_bob, lanes.bob);
    lanes.by_first();
  }
  lanes.alice.write(stream, ByteVector(6000));
  EXPECT_FALSE(lanes.alice.has_lane_output());
}

TEST(MuxLane, AResetMayOvertakeIt) {
  Lanes lanes;
  lanes.open();
  const auto stream = lanes.dialogue();
  lanes.alice.write(stream, as_bytes("a"));
  Lanes::send_by_lane(lanes.alice, lanes.lane_to_bob);
  lanes.deliver_by_lane(lanes.lane_to_bob, lanes.bob);
  lanes.alice.write(stream, as_bytes("b"));
  Lanes::send_by_lane(lanes.alice, lanes.lane_to_bob);
  lanes.alice.reset(stream, ErrorCode::kReset);
  lanes.by_first();
  EXPECT_TRUE(lanes.bob.is_reset(stream));
  lanes.deliver_by_lane(lanes.lane_to_bob, lanes.bob);  // asserts that it is no violation
}

TEST(MuxLane, WhatIsOnItStillArrivesBeforeAResetThatGoesBehindIt) {
  Lanes lanes;
  lanes.open();
  const auto stream = lanes.dialogue();
  lanes.alice.write(stream, as_bytes("last "));
  Lanes::send_by_lane(lanes.alice, lanes.lane_to_bob);
  lanes.alice.write(stream, as_bytes("words"));
  lanes.alice.reset_behind(stream, {}, ErrorCode::kReset, "", lanes.now);
  EXPECT_FALSE(lanes.alice.has_lane_output() && lanes.alice.fill_lane(nullptr, 0) != 0);
  lanes.by_first();
  EXPECT_EQ(as_text(lanes.bob.readable(stream)), "last words");
  EXPECT_TRUE(lanes.bob.is_reset(stream));
}

TEST(MuxLane, ItsPongSaysNothingOfTheFirstCarrier) {
  Lanes lanes;
  lanes.open();
  lanes.alice.ping_lane(7);
  Lanes::send_by_lane(lanes.alice, lanes.lane_to_bob);
  lanes.deliver_by_lane(lanes.lane_to_bob, lanes.bob);
  EXPECT_FALSE(lanes.bob.has_output());
  Lanes::send_by_lane(lanes.bob, lanes.lane_to_alice);
  lanes.deliver_by_lane(lanes.lane_to_alice, lanes.alice);
  EXPECT_FALSE(lanes.alice.take_pong());
  EXPECT_EQ(lanes.alice.take_lane_pong(), 7u);
}

class MuxLanesThatComeAndGo : public testing::TestWithParam<unsigned> {};

TEST_P(MuxLanesThatComeAndGo, LoseNoOctetWhateverTheOrderOfArrival) {
  std::mt19937 rng(GetParam());
  Lanes lanes;
  // Dialogues, and bulk beside them.
  RandomStreams up, down, bulk_up, bulk_down;
  std::size_t by_lane = 0;
  const auto begin = [&](RandomStreams& there, RandomStreams& back, std::size_t size) {
    const auto id = *lanes.alice.open(as_bytes("t"));
    for (auto* d : {&there[id], &back[id]}) {
      d->sent.resize(size);
      for (auto& octet : d->sent) octet = static_cast<std::byte>(rng());
    }
  };
  for (int i = 0; i < 3; ++i) begin(up, down, 20'000), begin(bulk_up, bulk_down, 200'000);
  bool lane = false, alices = false, bobs = false;
  const auto end_lane = [&] {
    lanes.lane_to_bob.clear(), lanes.lane_to_alice.clear();
    lanes.alice.close_lane(), lanes.bob.close_lane();
    lane = alices = bobs = false;
  };
  for (int turn = 0; turn < 100'000 && !(all_ended(up) && all_ended(down) && all_ended(bulk_up) &&
                                         all_ended(bulk_down));
       ++turn) {
    lanes.now += std::chrono::milliseconds{rng() % 20};
    // At times they say more.
    write_some(lanes.alice, up, rng() % 200 == 0 ? 9000 : 100, rng);
    write_some(lanes.bob, down, rng() % 200 == 0 ? 9000 : 100, rng);
    write_some(lanes.alice, bulk_up, 20'000, rng);
    write_some(lanes.bob, bulk_down, 20'000, rng);
    if (!lane && rng() % 20 == 0) lanes.open(), lane = alices = bobs = true;
    if (rng() % 3 == 0) Lanes::send(lanes.alice, lanes.to_bob, 100 + rng() % 20'000);
    if (rng() % 3 == 0) Lanes::send(lanes.bob, lanes.to_alice, 100 + rng() % 20'000);
    if (alices) Lanes::send_by_lane(lanes.alice, lanes.lane_to_bob, 100 + rng() % 20'000);
    if (bobs) Lanes::send_by_lane(lanes.bob, lanes.lane_to_alice, 100 + rng() % 20'000);
    by_lane += lanes.lane_to_bob.size() + lanes.lane_to_alice.size();
    if (rng() % 3 == 0) lanes.deliver(lanes.to_bob, lanes.bob);
    if (rng() % 3 == 0) lanes.deliver(lanes.to_alice, lanes.alice);
    if (bobs && rng() % 2 == 0) lanes.deliver_by_lane(lanes.lane_to_bob, lanes.bob);
    if (alices && rng() % 2 == 0) lanes.deliver_by_lane(lanes.lane_to_alice, lanes.alice);
    if (testing::Test::HasFatalFailure()) return;
    if (rng() % 2 == 0) lanes.alice.acknowledge_now();
    if (rng() % 2 == 0) lanes.bob.acknowledge_now();
    for (auto* streams : {&down, &bulk_down}) read_some(lanes.alice, *streams, rng);
    for (auto* streams : {&up, &bulk_up}) read_some(lanes.bob, *streams, rng);
    // One side gives it up first, and what it had sent still arrives at the other.
    if (alices && rng() % 300 == 0) {
      lanes.alice.close_lane(), lanes.lane_to_alice.clear();
      alices = false;
    }
    if (lane && !alices && rng() % 20 == 0) end_lane();
    if (rng() % 1000 == 0) {
      lanes.to_bob.clear(), lanes.to_alice.clear();
      lanes.alice.restart_output(), lanes.bob.restart_output();
    }
  }
  for (const auto* streams : {&up, &down, &bulk_up, &bulk_down}) expect_all_came(*streams);
  EXPECT_NE(by_lane, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, MuxLanesThatComeAndGo, testing::Range(0u, 20u));

}  // namespace
}  // namespace culvert::mux
