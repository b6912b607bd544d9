#include "tests/link/delay_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/link/bottleneck.h"

namespace culvert::link {
namespace {

using std::chrono::milliseconds;
TimePoint at(int ms) { return TimePoint{milliseconds{ms}}; }
Bytes bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string arrived(const DelayQueue& queue, int ms, std::size_t most = 1000) {
  std::array<iovec, 8> pieces{};
  std::string out;
  for (std::size_t i = 0, count = queue.gather(at(ms), most, pieces); i < count; ++i)
    out.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  return out;
}

TEST(DelayQueue, DeliversNothingBeforeItsTimeAndAllOfItThen) {
  DelayQueue queue;
  queue.push(bytes("one"), at(50));
  queue.push(bytes("two"), at(60));
  EXPECT_EQ(queue.next_arrival(), at(50));
  EXPECT_EQ(arrived(queue, 49), "");
  EXPECT_EQ(arrived(queue, 50), "one");
  EXPECT_EQ(arrived(queue, 60), "onetwo");
}

TEST(DelayQueue, KeepsTheOrderWhenTheDelayBecomesShorter) {
  DelayQueue queue;
  queue.push(bytes("slow"), at(100));
  queue.push(bytes("fast"), at(20));
  EXPECT_EQ(arrived(queue, 99), "");
  EXPECT_EQ(arrived(queue, 100), "slowfast");
}

TEST(DelayQueue, GoesOnWhereAReceiverStoppedTaking) {
  DelayQueue queue;
  queue.push(bytes("hello"), at(1));
  queue.push(bytes("world"), at(1));
  queue.pop(2);
  EXPECT_EQ(arrived(queue, 1), "lloworld");
  EXPECT_EQ(arrived(queue, 1, 4), "llow");
  queue.pop(8);
  EXPECT_EQ(arrived(queue, 1), "");
  EXPECT_EQ(queue.held(), 0U);
  EXPECT_EQ(queue.next_arrival(), std::nullopt);
}

TEST(DelayQueue, EndsInOrderOnlyBehindTheLastOctet) {
  DelayQueue queue;
  queue.push(bytes("x"), at(50));
  queue.end(Ending::kFin, at(51));
  EXPECT_EQ(queue.ending(at(60)), Ending::kNone);
  queue.pop(1);
  EXPECT_EQ(queue.ending(at(50)), Ending::kNone);
  EXPECT_EQ(queue.next_arrival(), at(51));
  EXPECT_EQ(queue.ending(at(51)), Ending::kFin);
}

TEST(DelayQueue, DoesNotLetAReceiverThatReadsNothingHoldBackAReset) {
  DelayQueue queue;
  queue.push(bytes("unread"), at(50));
  queue.end(Ending::kReset, at(51));
  EXPECT_EQ(queue.ending(at(50)), Ending::kNone);
  EXPECT_EQ(queue.ending(at(51)), Ending::kReset);
}

TEST(DelayQueue, CountsWhatSmallPiecesCostBesides) {
  DelayQueue queue;
  for (int i = 0; i < 1000; ++i) queue.push(bytes("x"), at(i));
  EXPECT_GE(queue.held(), 1000 * sizeof(std::vector<std::byte>));
}

TEST(Bottleneck, SpreadsOctetsOverTheTimeThatTheRateNeeds) {
  Bottleneck link;
  link.set_limits(8'000'000, 0);  // 1000 octets per millisecond
  EXPECT_EQ(link.pass(1000, at(5)), at(6));
  EXPECT_EQ(link.pass(2000, at(5)), at(8)) << "it waits for what came before";
  EXPECT_EQ(link.pass(1000, at(20)), at(21)) << "idle time is not saved up";
  EXPECT_TRUE(link.has_room(at(20))) << "an unbounded queue";
}

TEST(Bottleneck, TakesNothingWhileItsQueueIsFull) {
  Bottleneck link;
  link.set_limits(8'000'000, 4000);
  EXPECT_TRUE(link.has_room(at(10)));
  link.pass(6000, at(10));
  EXPECT_FALSE(link.has_room(at(11)));
  EXPECT_EQ(link.room_from(), at(12)) << "when 4000 octets are left";
  EXPECT_TRUE(link.has_room(at(12)));
}

TEST(Bottleneck, MakesUpForComingLateWhileSendersWait) {
  Bottleneck link;
  link.set_limits(8'000'000, 1000);
  link.pass(2000, at(10));
  EXPECT_FALSE(link.has_room(at(10)));
  EXPECT_TRUE(link.has_room(at(15))) << "it ought to have asked at 11";
  EXPECT_EQ(link.pass(2000, at(15)), at(15)) << "they would have left at 14";
  EXPECT_EQ(link.pass(2000, at(15)), at(16));
}

TEST(Bottleneck, WithoutARateDelaysNothing) {
  Bottleneck link;
  EXPECT_EQ(link.pass(1 << 30, at(7)), at(7));
  EXPECT_TRUE(link.has_room(at(7)));
}

}  // namespace
}  // namespace culvert::link
