// Bulk and dialogues side by side in one session.
#include "tunnel/mux/traffic_mix.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "tunnel/mux/mux.h"

namespace culvert::mux {
namespace {

using namespace std::chrono_literals;
constexpr TimePoint kStart{10s};

TEST(TrafficMix, IsMixedOnlyWhileBothPassed) {
  TrafficMix mix;
  Stream bulk{StreamId{1}}, dialogue{StreamId{3}};
  EXPECT_FALSE(mix.mixed(TimePoint{}));
  mix.passed(bulk, 16'384, kStart);
  EXPECT_FALSE(mix.mixed(kStart));
  mix.passed(dialogue, 1, kStart + 50ms);
  EXPECT_TRUE(mix.mixed(kStart + 50ms));
  EXPECT_FALSE(mix.mixed(kStart + 100ms)) << "the bulk is over";
}

TEST(TrafficMix, TakesTheOddEndsOfBulkForBulk) {
  TrafficMix mix;
  Stream bulk{StreamId{1}};
  for (int i = 0; i < 100; ++i) {
    mix.passed(bulk, 16'384, kStart + i * 10ms);
    mix.passed(bulk, 100, kStart + i * 10ms);
    EXPECT_FALSE(mix.mixed(kStart + i * 10ms));
  }
  mix.passed(bulk, 1, kStart + 5s);  // long after it: a dialogue now
  Stream other{StreamId{3}};
  mix.passed(other, 16'384, kStart + 5s);
  EXPECT_TRUE(mix.mixed(kStart + 5s));
}

TEST(TrafficMix, AnEndWithoutOctetsSaysNothing) {
  TrafficMix mix;
  Stream bulk{StreamId{1}}, ending{StreamId{3}};
  mix.passed(bulk, 16'384, kStart);
  mix.passed(ending, 0, kStart);
  EXPECT_FALSE(mix.mixed(kStart));
}

// Alice sends to Bob, who consumes at once; time passes with every record.
class Transfer {
 public:
  Transfer() {
    bulk = *alice.open(as_bytes("bulk"));
    dialogue = *alice.open(as_bytes("dialogue"));
    alice.set_round_trip(100us);
    bob.set_round_trip(100us);
    turn();
  }
  // One record each way; what Bob consumed of the bulk.
  void turn() {
    now += 100us;
    while (alice.room(bulk) > 0) alice.write(bulk, ByteVector(alice.room(bulk)));
    last_record = carry(alice, bob);
    while (const auto event = bob.next_event()) {
      if (event->kind == Event::Kind::kOpened) bob.accept(event->stream);
      if (event->kind == Event::Kind::kReadable)
        bob.consumed(event->stream, bob.readable(event->stream).size());
    }
    carry(bob, alice);
    while (alice.next_event()) {
    }
  }
  std::size_t carry(Mux& from, Mux& to) {
    ByteVector record(65'000);
    record.resize(from.fill(record.data(), record.size()));
    EXPECT_TRUE(to.receive(record, now));
    return record.size();
  }
  void bulk_for(Duration time) {
    for (const auto end = now + time; now < end;) turn();
  }
  // Octets of the bulk that Bob lets Alice send beyond what he has consumed.
  std::uint64_t window() {
    const auto snapshot = bob.snapshot();
    for (const auto& one : snapshot.streams)
      if (one.id == bulk) return one.window;
    return 0;
  }

  Mux alice{Role::kInitiator}, bob{Role::kResponder};
  StreamId bulk{}, dialogue{};
  TimePoint now = kStart;
  std::size_t last_record = 0;
};

TEST(MixedMux, ShrinksTheWindowBesideADialogueAndGrowsItAgain) {
  Transfer transfer;
  transfer.bulk_for(300ms);
  const auto alone = transfer.window();
  EXPECT_GT(alone, 256u * 1024);
  for (int i = 0; i < 50; ++i) {
    transfer.alice.write(transfer.dialogue, as_bytes("x"));
    transfer.bulk_for(1ms);
  }
  EXPECT_TRUE(transfer.bob.mixed());
  const auto beside = transfer.window();
  EXPECT_LT(beside, alone / 2);
  EXPECT_GE(beside, kInitialWindow) << "the pipe stays full";
  transfer.bulk_for(500ms);
  EXPECT_FALSE(transfer.bob.mixed());
  EXPECT_GT(transfer.window(), alone / 2);
}

TEST(MixedMux, ADialoguesFrameIsInARecordOfItsOwn) {
  Transfer transfer;
  transfer.bulk_for(10ms);
  transfer.turn();
  EXPECT_GT(transfer.last_record, 30'000u);
  transfer.alice.write(transfer.dialogue, as_bytes("x"));
  transfer.turn();  // from the next on both have passed
  transfer.alice.write(transfer.dialogue, as_bytes("y"));
  transfer.turn();
  EXPECT_LT(transfer.last_record, 200u);
  transfer.turn();
  EXPECT_GT(transfer.last_record, 30'000u) << "the bulk goes on behind it";
}

TEST(MixedMux, ADialogueIsToldOfBeforeTheBulkThatCameWithIt) {
  Transfer transfer;
  auto &alice = transfer.alice, &bob = transfer.bob;
  const auto bulk = transfer.bulk, dialogue = transfer.dialogue;
  transfer.bulk_for(10ms);
  alice.write(dialogue, as_bytes("x"));
  transfer.turn();  // from here on both have passed
  transfer.turn();
  ByteVector of_bulk(65'000), of_dialogue(1000);
  while (alice.room(bulk) > 0) alice.write(bulk, ByteVector(alice.room(bulk)));
  of_bulk.resize(alice.fill(of_bulk.data(), of_bulk.size()));
  alice.write(dialogue, as_bytes("y"));
  of_dialogue.resize(alice.fill(of_dialogue.data(), of_dialogue.size()));
  ASSERT_TRUE(bob.receive(of_bulk, transfer.now));
  ASSERT_TRUE(bob.receive(of_dialogue, transfer.now));
  const auto first = bob.next_event(), second = bob.next_event();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->stream, dialogue);
  EXPECT_EQ(second->stream, bulk);
}

// 20 ms there and back, 1 Gbit/s, in steps of a millisecond; a dialogue says something every ten.
TEST(MixedMux, BulkFillsALongWayBesideADialogue) {
  constexpr std::size_t kPerStep = 125'000;
  constexpr int kOneWay = 10;
  Mux alice(Role::kInitiator), bob(Role::kResponder);
  alice.set_round_trip(20ms);
  bob.set_round_trip(20ms);
  const auto bulk = *alice.open(as_bytes("bulk")), dialogue = *alice.open(as_bytes("dialogue"));
  std::deque<std::vector<ByteVector>> to_bob(kOneWay), to_alice(kOneWay);
  const auto fill = [](Mux& from, std::size_t most) {
    std::vector<ByteVector> records;
    for (std::size_t left = most; left > 20'000 && from.has_output();) {
      auto& record = records.emplace_back(std::min<std::size_t>(left, 65'000));
      record.resize(from.fill(record.data(), record.size()));
      if (record.empty()) break;
      left -= record.size();
    }
    return records;
  };
  std::size_t consumed = 0, before = 0;
  constexpr int kSteps = 3000, kCounted = 1000;
  auto now = kStart;
  for (int step = 0; step < kSteps; ++step, now += 1ms) {
    if (step == kSteps - kCounted) before = consumed;
    while (alice.room(bulk) > 0) alice.write(bulk, ByteVector(alice.room(bulk)));
    if (step % 10 == 0) alice.write(dialogue, as_bytes("x"));
    to_bob.push_back(fill(alice, kPerStep));
    for (const auto& record : to_bob.front()) ASSERT_TRUE(bob.receive(record, now));
    to_bob.pop_front();
    while (const auto event = bob.next_event()) {
      if (event->kind == Event::Kind::kOpened) bob.accept(event->stream);
      if (event->kind != Event::Kind::kReadable) continue;
      const auto count = bob.readable(event->stream).size();
      bob.consumed(event->stream, count);
      if (event->stream == bulk) consumed += count;
    }
    to_alice.push_back(fill(bob, kPerStep));
    for (const auto& record : to_alice.front()) ASSERT_TRUE(alice.receive(record, now));
    to_alice.pop_front();
    while (alice.next_event()) {
    }
  }
  EXPECT_TRUE(bob.mixed());
  EXPECT_GT(consumed - before, kCounted * kPerStep * 8 / 10);
  const auto snapshot = bob.snapshot();
  const auto found = std::ranges::find(snapshot.streams, bulk, &StreamSnapshot::id);
  ASSERT_NE(found, snapshot.streams.end());
  EXPECT_LT(found->window, 2 * kOneWay * kPerStep * 3 / 2) << "the queue stays short";
}

// A receiver whose window has grown far beyond what its peer may hold unacknowledged.
TEST(MixedMux, AcknowledgesBeforeTheLeastShareOfASenderIsUsedUp) {
  Transfer transfer;
  transfer.bob.set_round_trip(50ms);  // measured under load once
  transfer.bulk_for(300ms);
  EXPECT_GT(transfer.window(), 2u << 20);
  std::size_t unacknowledged = 0;
  for (int turns = 0; turns < 100; ++turns) {
    transfer.now += 100us;
    while (transfer.alice.room(transfer.bulk) > 0)
      transfer.alice.write(transfer.bulk, ByteVector(transfer.alice.room(transfer.bulk)));
    unacknowledged += transfer.carry(transfer.alice, transfer.bob);
    while (const auto event = transfer.bob.next_event())
      if (event->kind == Event::Kind::kReadable)
        transfer.bob.consumed(event->stream, transfer.bob.readable(event->stream).size());
    if (!transfer.bob.has_output()) continue;
    EXPECT_LE(unacknowledged, kLeastSendShare + 70'000);
    unacknowledged = 0;
    transfer.carry(transfer.bob, transfer.alice);
    while (transfer.alice.next_event()) {
    }
  }
  EXPECT_LE(unacknowledged, kLeastSendShare + 70'000);
}

}  // namespace
}  // namespace culvert::mux
