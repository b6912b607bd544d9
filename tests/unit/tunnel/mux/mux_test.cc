#include "tunnel/mux/mux.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "random_streams.h"
#include "tunnel/base/byte_codec.h"

namespace culvert::mux {
namespace {

using Kind = Event::Kind;

// Carries one record of random size from one side to the other.
void carry_record(Mux& from, Mux& to, std::size_t capacity) {
  ByteVector record(capacity);
  Strays strays;
  const auto used = from.fill(record.data(), record.size(), &strays);
  bring_home(record, strays.all());
  ASSERT_TRUE(to.receive(Bytes{record}.first(used), TimePoint{}));
}

void carry_all(Mux& a, Mux& b) {
  for (int turns = 0; turns < 1000 && (a.has_output() || b.has_output()); ++turns) {
    carry_record(a, b, 64 * 1024);
    carry_record(b, a, 64 * 1024);
  }
}

std::optional<Event> event_of(Mux& mux, Kind kind) {
  while (const auto event = mux.next_event())
    if (event->kind == kind) return event;
  return std::nullopt;
}

ByteVector random_bytes(std::size_t count, std::mt19937& rng) {
  ByteVector bytes(count);
  for (auto& b : bytes) b = static_cast<std::byte>(rng());
  return bytes;
}

struct Pair {
  Mux alice{Role::kInitiator};
  Mux bob{Role::kResponder};
  StreamId stream{};

  void connect() {
    stream = *alice.open(as_bytes("target"));
    carry_all(alice, bob);
    ASSERT_TRUE(event_of(bob, Kind::kOpened));
    bob.accept(stream);
    carry_all(alice, bob);
    ASSERT_TRUE(event_of(alice, Kind::kAccepted));
  }
};

class MuxRandomRecords : public testing::TestWithParam<unsigned> {};

TEST_P(MuxRandomRecords, DeliversEveryByteOfEveryStreamInOrderBothWays) {
  std::mt19937 rng(GetParam());
  Mux alice{Role::kInitiator}, bob{Role::kResponder};
  constexpr std::size_t kStreams = 5;
  RandomStreams up, down;
  for (std::size_t i = 0; i < kStreams; ++i) {
    const auto id = *alice.open(as_bytes("x"));
    up[id].sent = random_bytes(rng() % 300'000, rng);
    down[id].sent = random_bytes(rng() % 300'000, rng);
  }
  for (int turn = 0; turn < 100'000 && !(all_ended(up) && all_ended(down)); ++turn) {
    write_some(alice, up, 20'000, rng);
    write_some(bob, down, 20'000, rng);
    carry_record(alice, bob, kHeaderSize + 64 + rng() % 40'000);
    carry_record(bob, alice, kHeaderSize + 64 + rng() % 40'000);
    read_some(bob, up, rng);
    read_some(alice, down, rng);
  }
  expect_all_came(up);
  expect_all_came(down);
  alice.acknowledge_now();
  bob.acknowledge_now();
  carry_all(alice, bob);
  EXPECT_EQ(alice.stream_count(), 1u) << "only the control stream is left";
  EXPECT_EQ(bob.stream_count(), 1u);
}
INSTANTIATE_TEST_SUITE_P(Seeds, MuxRandomRecords, testing::Range(0u, 25u));

TEST(Mux, OpensAStreamAndItsFirstBytesInOneRecord) {
  Mux alice{Role::kInitiator}, bob{Role::kResponder};
  const auto id = *alice.open(as_bytes("where"));
  alice.write(id, as_bytes("hello"));
  carry_record(alice, bob, 1024);
  ASSERT_TRUE(event_of(bob, Kind::kOpened));
  EXPECT_EQ(as_text(bob.target(id)), "where");
  EXPECT_EQ(as_text(bob.readable(id)), "hello");
}

TEST(Mux, AStalledReaderStopsOnlyItsOwnStream) {
  Pair pair;
  pair.connect();
  const auto other = *pair.alice.open(as_bytes("other"));
  const ByteVector flood(200 * 1024);
  pair.alice.write(pair.stream, flood);  // nobody reads it
  carry_all(pair.alice, pair.bob);
  EXPECT_EQ(pair.bob.readable(pair.stream).size(), kInitialWindow);
  pair.alice.write(other, as_bytes("still moving"));
  carry_all(pair.alice, pair.bob);
  EXPECT_EQ(as_text(pair.bob.readable(other)), "still moving");
}

TEST(Mux, ANewlyActiveStreamGoesBeforeABusyOne) {
  Pair pair;
  pair.connect();
  const auto bulk = *pair.alice.open(as_bytes("bulk"));
  pair.alice.write(bulk, ByteVector(60 * 1024));
  carry_record(pair.alice, pair.bob, 18 * 1024);  // bulk is busy now
  pair.alice.write(pair.stream, as_bytes("x"));
  carry_record(pair.alice, pair.bob, 2 * 1024);
  EXPECT_EQ(as_text(pair.bob.readable(pair.stream)), "x");
}

TEST(Mux, LeavesLargePayloadsWhereTheyAreForWhoTakesStrays) {
  std::mt19937 rng(3);
  Mux mux{Role::kInitiator}, other{Role::kInitiator};
  for (const std::size_t size :
       {100u, 2047u, 2048u, 9000u, 3000u, 3000u, 3000u, 3000u, 3000u, 3000u, 3000u}) {
    const auto data = random_bytes(size, rng);
    for (auto* const each : {&mux, &other}) each->write(*each->open(as_bytes("t")), data);
  }
  ByteVector record(64 * 1024), copied(64 * 1024);
  Strays strays;
  ASSERT_EQ(mux.fill(record.data(), record.size(), &strays),
            other.fill(copied.data(), copied.size()));
  ASSERT_EQ(strays.all().size(), Strays::kMost) << "nine are large: one was copied";
  for (const auto& stray : strays.all()) EXPECT_EQ(record[stray.at + 1000], std::byte{0});
  EXPECT_NE(record, copied);
  bring_home(record, strays.all());
  EXPECT_EQ(record, copied);
}

TEST(Mux, BulkStreamsGetEqualSharesThoughOneStartedFirst) {
  Mux alice{Role::kInitiator}, bob{Role::kResponder, {.receive_budget = 1 << 20}};
  std::vector<StreamId> ids{*alice.open(as_bytes("first"))};
  std::map<StreamId, std::size_t> got;
  const ByteVector block(kSendQueue);
  ByteVector record(60 * 1024);
  for (int turn = 0; turn < 20'000; ++turn) {
    const TimePoint now{std::chrono::microseconds{50 * turn}};
    if (turn == 4'000)
      for (int i = 0; i < 9; ++i) ids.push_back(*alice.open(as_bytes("later")));
    if (turn == 6'000) got.clear();  // the newcomers have settled
    for (const auto id : ids) alice.write(id, block);
    const auto used = alice.fill(record.data(), record.size());
    ASSERT_TRUE(bob.receive(Bytes{record}.first(used), now));
    while (const auto event = bob.next_event()) {
      if (event->kind == Kind::kOpened) bob.accept(event->stream);
      if (event->kind != Kind::kReadable) continue;
      const auto ready = bob.readable(event->stream).size();
      got[event->stream] += ready;
      bob.consumed(event->stream, ready);
    }
    const auto back = bob.fill(record.data(), record.size());
    ASSERT_TRUE(alice.receive(Bytes{record}.first(back), now));
    while (alice.next_event()) {
    }
  }
  std::size_t least = SIZE_MAX, most = 0;
  for (const auto id : ids) {
    least = std::min(least, got[id]);
    most = std::max(most, got[id]);
  }
  EXPECT_GE(static_cast<double>(least), 0.85 * static_cast<double>(most));
}

TEST(Mux, CarriesAHalfCloseAndGoesOnInTheOtherDirection) {
  Pair pair;
  pair.connect();
  pair.alice.finish(pair.stream);
  carry_all(pair.alice, pair.bob);
  ASSERT_TRUE(event_of(pair.bob, Kind::kReadable));
  EXPECT_TRUE(pair.bob.at_end(pair.stream));
  pair.bob.end_taken(pair.stream);
  pair.bob.write(pair.stream, as_bytes("late answer"));
  carry_all(pair.alice, pair.bob);
  EXPECT_EQ(as_text(pair.alice.readable(pair.stream)), "late answer");
}

TEST(Mux, WhoHasStoppedReadingHearsOfAReset) {
  Pair pair;
  pair.connect();
  pair.alice.write(pair.stream, as_bytes("last words"));
  carry_record(pair.alice, pair.bob, 1024);
  EXPECT_TRUE(event_of(pair.bob, Kind::kReadable));
  EXPECT_FALSE(pair.bob.is_reset(pair.stream));
  pair.alice.reset(pair.stream, ErrorCode::kReset, "gone");
  carry_record(pair.alice, pair.bob, 1024);
  EXPECT_TRUE(event_of(pair.bob, Kind::kReadable));
  EXPECT_TRUE(pair.bob.is_reset(pair.stream));
}

TEST(Mux, WhatCameBeforeAResetCanStillBeRead) {
  Pair pair;
  pair.connect();
  pair.alice.write(pair.stream, as_bytes("last words"));
  carry_record(pair.alice, pair.bob, 1024);
  pair.alice.reset(pair.stream, ErrorCode::kReset, "gone");
  carry_record(pair.alice, pair.bob, 1024);
  EXPECT_FALSE(event_of(pair.bob, Kind::kReset));
  EXPECT_TRUE(pair.bob.is_reset(pair.stream));
  EXPECT_EQ(as_text(pair.bob.readable(pair.stream)), "last words");
  pair.bob.consumed(pair.stream, 10);
  const auto event = event_of(pair.bob, Kind::kReset);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->code, ErrorCode::kReset);
  EXPECT_EQ(pair.bob.last_reason(), "gone");
  EXPECT_FALSE(pair.bob.knows(pair.stream));
}

TEST(Mux, ARefusedStreamTellsTheOpenerWhy) {
  Mux alice{Role::kInitiator}, bob{Role::kResponder};
  const auto id = *alice.open(as_bytes("x"));
  carry_all(alice, bob);
  bob.reset(id, ErrorCode::kRefused, "nobody listens");
  carry_all(alice, bob);
  const auto event = event_of(alice, Kind::kReset);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->code, ErrorCode::kRefused);
}

TEST(Mux, GivesTheSendLogBackWhenEverythingIsAcknowledged) {
  Pair pair;
  pair.connect();
  pair.alice.write(pair.stream, ByteVector(10'000));
  carry_all(pair.alice, pair.bob);
  pair.bob.consumed(pair.stream, 10'000);
  pair.bob.acknowledge_now();
  carry_all(pair.alice, pair.bob);
  EXPECT_EQ(pair.alice.room(pair.stream), kSendQueue);
}

TEST(Mux, RefusesMoreStreamsThanItsLimitWithoutHarmToTheOthers) {
  Mux alice{Role::kInitiator}, bob{Role::kResponder, {.streams = 2}};
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(alice.open(as_bytes("x")));
  carry_all(alice, bob);
  const auto event = event_of(alice, Kind::kReset);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->code, ErrorCode::kExhausted);
  EXPECT_EQ(static_cast<std::uint32_t>(event->stream), 5u);
}

TEST(Mux, AFloodOfPingsCostsOnePong) {
  Mux alice{Role::kInitiator}, bob{Role::kResponder};
  ByteVector pings;
  for (std::uint64_t i = 0; i < 1000; ++i) append_frame(pings, Ping{i});
  ASSERT_TRUE(bob.receive(pings, TimePoint{}));
  ByteVector out(1024);
  EXPECT_EQ(bob.fill(out.data(), out.size()), kHeaderSize);
}

// --- violations of the protocol end the session with an error and do not crash

Result<void> bob_receives(Pair& pair, const Frame& frame) {
  ByteVector bytes;
  append_frame(bytes, frame);
  return pair.bob.receive(bytes, TimePoint{});
}

TEST(MuxViolation, DataBeyondItsCredit) {
  Pair pair;
  pair.connect();
  ByteVector payload(kMaxPayload);
  std::uint64_t offset = 0;
  for (; offset < kInitialWindow; offset += payload.size())
    ASSERT_TRUE(bob_receives(pair, Data{pair.stream, offset, false, payload}));
  EXPECT_EQ(bob_receives(pair, Data{pair.stream, offset, false, payload}).error().code,
            ErrorCode::kProtocol);
}

TEST(MuxViolation, EachOfTheseIsRefused) {
  const StreamId unopened{77}, ours{2};
  const ByteVector some(10);
  const auto refused = [](const Frame& frame) {
    Pair pair;
    pair.connect();
    return !bob_receives(pair, frame);
  };
  const StreamId known{1};
  EXPECT_TRUE(refused(Data{unopened, 0, false, some}));
  EXPECT_TRUE(refused(Data{known, 5, false, some})) << "a gap";
  EXPECT_TRUE(refused(Data{kControlStream, 0, true, {}})) << "the control stream does not end";
  EXPECT_TRUE(refused(Open{ours, 0, {}})) << "an id of the receiver's";
  EXPECT_TRUE(refused(Open{StreamId{9}, kMaxWindow + 1, {}}));
  EXPECT_TRUE(refused(Window{known, kMaxWindow + 100, 0, false})) << "credit overflow";
  EXPECT_TRUE(refused(Window{known, kMaxOffset, 0, false}));
  EXPECT_TRUE(refused(Window{known, 0, 1, false})) << "acknowledges what was not sent";
  EXPECT_TRUE(refused(Window{known, 0, 0, true})) << "accepts its own stream";
  EXPECT_TRUE(refused(Window{unopened, 0, 0, false}));
  EXPECT_TRUE(refused(Reset{kControlStream, ErrorCode::kReset, ""}));
  EXPECT_TRUE(refused(Reset{StreamId{2}, ErrorCode::kReset, ""})) << "an id of the receiver's";
  EXPECT_FALSE(refused(Reset{unopened, ErrorCode::kReset, ""}))
      << "its OPEN was lost with a carrier";
}

TEST(MuxViolation, DataBehindTheEndIsRefusedButARepetitionIsNot) {
  Pair pair;
  pair.connect();
  const ByteVector some(10);
  ASSERT_TRUE(bob_receives(pair, Data{pair.stream, 0, true, some}));
  EXPECT_TRUE(bob_receives(pair, Data{pair.stream, 0, true, some})) << "resumption repeats";
  EXPECT_TRUE(bob_receives(pair, Data{pair.stream, 0, false, Bytes{some}.first(5)}));
  EXPECT_FALSE(bob_receives(pair, Data{pair.stream, 10, false, some}));
}

TEST(Mux, FramesThatCrossedWithAResetAreIgnored) {
  Pair pair;
  pair.connect();
  pair.bob.reset(pair.stream, ErrorCode::kReset);
  EXPECT_TRUE(bob_receives(pair, Data{pair.stream, 0, false, ByteVector(3)}));
  EXPECT_TRUE(bob_receives(pair, Window{pair.stream, 70'000, 0, false}));
  EXPECT_TRUE(bob_receives(pair, Reset{pair.stream, ErrorCode::kReset, ""}));
  EXPECT_TRUE(bob_receives(pair, Open{pair.stream, 0, {}})) << "an id is never reused";
  EXPECT_FALSE(pair.bob.knows(pair.stream));
}

}  // namespace
}  // namespace culvert::mux
