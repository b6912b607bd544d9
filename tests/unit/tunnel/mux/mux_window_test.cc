// How soon credit and log budget let a bulk stream fill a long way: 40 ms there and back, 50 MB/s,
// in steps of a millisecond, below it a TCP connection that begins slowly or is warm.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "tunnel/mux/mux.h"

namespace culvert::mux {
namespace {

using namespace std::chrono_literals;

constexpr int kOneWay = 20;
constexpr std::size_t kPerStep = 50'000;
constexpr std::size_t kFirstFlight = 14'480;  // ten segments (RFC 6928)
constexpr std::size_t kWarm = 4'000'000;

class LongWay {
 public:
  explicit LongWay(std::size_t congestion_window) : cwnd_(congestion_window) {
    near.set_round_trip(2 * kOneWay * 1ms);
    far.set_round_trip(2 * kOneWay * 1ms);
  }
  // Milliseconds from opening a stream until `octets` of the far side have been consumed here.
  int download(std::size_t octets) {
    const auto stream = *near.open(as_bytes("x"));
    std::size_t written = 0, consumed = 0;
    int steps = 0;
    for (; consumed < octets && steps < 10'000; ++steps) {
      if (far.knows(stream) && written < octets) {
        const auto count = std::min(far.room(stream), octets - written);
        if (count > 0) written += far.write(stream, ByteVector(count));
      }
      step();
      if (!near.knows(stream)) break;
      const auto ready = near.readable(stream).size();
      near.consumed(stream, ready);
      consumed += ready;
      most_log = std::max(most_log, written - consumed);
    }
    near.reset(stream, ErrorCode::kReset);
    for (int i = 0; i < 2 * kOneWay; ++i) step();
    return steps;
  }
  void step() {
    now += 1ms;
    carry(near, far, to_far, kPerStep);
    // As TCP does: what has arrived widens the congestion window.
    arrived_.push_back(
        carry(far, near, to_near, std::min(kPerStep, cwnd_ - std::min(cwnd_, flying_))));
    if (arrived_.size() > kOneWay) {
      cwnd_ += arrived_.front();
      flying_ -= arrived_.front();
      arrived_.pop_front();
    }
    while (const auto event = far.next_event())
      if (event->kind == Event::Kind::kOpened) far.accept(event->stream);
    while (near.next_event()) {
    }
  }

  Mux near{Role::kInitiator}, far{Role::kResponder};
  TimePoint now{10s};
  std::size_t most_log = 0;

 private:
  // Octets that arrived.
  std::size_t carry(Mux& from, Mux& to, std::deque<ByteVector>& way, std::size_t most) {
    auto& sent = way.emplace_back();
    for (ByteVector record(60'000); most > sent.size() + 1000 && from.has_output();) {
      const auto room = std::min(record.size(), most - sent.size());
      const auto used = from.fill(record.data(), room);
      if (used == 0) break;
      append(sent, Bytes{record}.first(used));
    }
    if (&way == &to_near) flying_ += sent.size();
    if (way.size() <= kOneWay) return 0;
    const auto octets = std::move(way.front());
    way.pop_front();
    EXPECT_TRUE(to.receive(octets, now));
    to.acknowledge_now();
    return octets.size();
  }

  std::deque<ByteVector> to_far, to_near;
  std::deque<std::size_t> arrived_;
  std::size_t cwnd_, flying_ = 0;
};

TEST(MuxWindow, OpensNotLaterThanTheConnectionBelow) {
  LongWay way(kFirstFlight);
  const int took = way.download(16'000'000);
  RecordProperty("ms", took);
  // 16 MB in 320 ms, and 3 MB of slow start in eight round trips of which 60 ms would have done.
  EXPECT_LE(took, 660);
}

TEST(MuxWindow, TheFirstBulkOfAWarmConnectionFillsItInFourRoundTrips) {
  LongWay way(kWarm);
  const int took = way.download(16'000'000);
  RecordProperty("ms", took);
  EXPECT_LE(took, 40 + 320 + 3 * 40);
}

TEST(MuxWindow, TheNextBulkBeginsWithWhatTheLastOneNeeded) {
  LongWay way(kWarm);
  way.download(16'000'000);
  const int took = way.download(16'000'000);
  RecordProperty("ms", took);
  EXPECT_LE(took, 40 + 320 + 40);
}

TEST(MuxWindow, WhatIsGivenInAdvanceIsAQuarterOfTheBudgetHoweverManyStreamsOpen) {
  LongWay way(kWarm);
  way.download(16'000'000);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(way.near.open(as_bytes("idle")));
  std::uint64_t more = 0, most = 0;
  for (const auto& one : way.near.snapshot().streams) {
    EXPECT_EQ(one.receive_limit, one.window);
    more += one.window - kInitialWindow;
    most = std::max<std::uint64_t>(most, one.window);
  }
  EXPECT_LE(more, Limits{}.receive_budget / 4);
  EXPECT_GE(most, 1u << 20);
}

TEST(MuxWindow, NothingIsGivenInAdvanceOnACarrierOfWhichNothingIsKnown) {
  LongWay way(kWarm);
  way.download(16'000'000);
  way.near.restart_output();
  const auto stream = *way.near.open(as_bytes("x"));
  const auto snapshot = way.near.snapshot();
  const auto found = std::ranges::find(snapshot.streams, stream, &StreamSnapshot::id);
  ASSERT_NE(found, snapshot.streams.end());
  EXPECT_EQ(found->window, kInitialWindow);
}

// The way has become slow since: ten times as long for the same octets.
TEST(MuxWindow, WhatWasGivenInAdvanceIsTakenBackWithTheFirstMeasurement) {
  LongWay way(kWarm);
  way.download(16'000'000);
  const auto stream = *way.near.open(as_bytes("x"));
  for (int i = 0; i < 2 * kOneWay; ++i) way.step();
  for (int i = 0; i < 200; ++i) {
    way.far.write(stream, ByteVector(2'000));
    way.step();
    way.near.consumed(stream, way.near.readable(stream).size());
  }
  const auto snapshot = way.near.snapshot();
  const auto found = std::ranges::find(snapshot.streams, stream, &StreamSnapshot::id);
  ASSERT_NE(found, snapshot.streams.end());
  EXPECT_LT(found->window, 512u * 1024);
}

}  // namespace
}  // namespace culvert::mux
