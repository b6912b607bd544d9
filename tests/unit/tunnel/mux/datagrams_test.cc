#include <gtest/gtest.h>

#include <random>

#include "tunnel/mux/mux.h"

namespace culvert::mux {
namespace {

using Kind = Event::Kind;
using std::chrono::milliseconds;

constexpr TimePoint kStart{std::chrono::hours{1}};

ByteVector pattern(std::size_t size, unsigned seed) {
  ByteVector bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + seed);
  return bytes;
}

ByteVector fill(Mux& from, std::size_t capacity) {
  ByteVector record(capacity);
  record.resize(from.fill(record.data(), record.size()));
  return record;
}

void carry(Mux& from, Mux& to, std::size_t capacity = 60'000) {
  for (int records = 0; records < 1000 && from.has_output(); ++records)
    ASSERT_TRUE(to.receive(fill(from, capacity), kStart));
}

std::vector<ByteVector> taken(Mux& mux, StreamId stream) {
  std::vector<ByteVector> all;
  for (const auto& one : mux.datagrams())
    if (one.stream == stream) all.emplace_back(one.data.begin(), one.data.end());
  mux.datagrams_taken();
  return all;
}

struct Pair {
  Mux alice{Role::kInitiator}, bob{Role::kResponder};
  StreamId stream = *alice.open(as_bytes("x"));
};

TEST(Datagrams, TheFirstTravelsBehindTheOpenOfItsStream) {
  Pair pair;
  pair.alice.send_datagram(pair.stream, as_bytes("hello"), kStart);
  ASSERT_TRUE(pair.bob.receive(fill(pair.alice, 60'000), kStart));
  const auto opened = pair.bob.next_event();
  ASSERT_TRUE(opened && opened->kind == Kind::kOpened);
  const auto all = taken(pair.bob, pair.stream);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(as_text(all[0]), "hello");
}

TEST(Datagrams, TravelBothWaysAndKeepTheirBoundsEvenTheEmptyOne) {
  Pair pair;
  carry(pair.alice, pair.bob);
  pair.bob.accept(pair.stream);
  const std::vector<std::size_t> sizes{0, 1, 1200, 16'384, 16'385, kMaxDatagram, 5};
  for (const auto size : sizes) pair.bob.send_datagram(pair.stream, pattern(size, 3), kStart);
  carry(pair.bob, pair.alice);
  const auto all = taken(pair.alice, pair.stream);
  ASSERT_EQ(all.size(), sizes.size());
  // Light ones may go before heavy ones of other flows, never before earlier ones of their own.
  for (std::size_t i = 0; i < sizes.size(); ++i) EXPECT_EQ(all[i], pattern(sizes[i], 3)) << i;
  EXPECT_EQ(pair.bob.datagram_counts().sent, sizes.size());
  EXPECT_EQ(pair.alice.datagram_counts().received, sizes.size());
}

TEST(Datagrams, AreDroppedRatherThanSentLate) {
  Pair pair;
  carry(pair.alice, pair.bob);
  pair.alice.send_datagram(pair.stream, as_bytes("old"), kStart);
  pair.alice.send_datagram(pair.stream, as_bytes("new"), kStart + milliseconds{50});
  pair.alice.pace_datagrams(kStart + milliseconds{61}, /*hold=*/false);
  carry(pair.alice, pair.bob);
  const auto all = taken(pair.bob, pair.stream);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(as_text(all[0]), "new");
  EXPECT_EQ(pair.alice.datagram_counts().late, 1u);
}

TEST(Datagrams, AFloodIsBoundedAndALightFlowGoesBeforeIt) {
  Pair pair;
  const auto voice = *pair.alice.open(as_bytes("y"));
  carry(pair.alice, pair.bob);
  for (int i = 0; i < 2000; ++i) pair.alice.send_datagram(pair.stream, pattern(1200, 0), kStart);
  pair.alice.send_datagram(voice, as_bytes("sound"), kStart);
  const auto counts = pair.alice.datagram_counts();
  EXPECT_GE(counts.full, 2000 - Datagrams::kMostOctets / 1200);
  ASSERT_TRUE(pair.bob.receive(fill(pair.alice, 60'000), kStart));
  EXPECT_EQ(taken(pair.bob, voice).size(), 1u) << "in the first record";
}

TEST(Datagrams, LeaveHalfOfARecordToTheDataOfStreams) {
  Pair pair;
  const auto bulk = *pair.alice.open(as_bytes("y"));
  pair.alice.write(bulk, ByteVector(60'000));
  fill(pair.alice, 2048);  // it is among the busy ones now
  for (int i = 0; i < 100; ++i) pair.alice.send_datagram(pair.stream, pattern(1000, 0), kStart);
  auto record = fill(pair.alice, 32'000);
  std::size_t data = 0, datagrams = 0;
  Bytes left{record};
  while (const auto frame = *take_frame(left)) {
    if (const auto* one = std::get_if<Data>(&*frame)) data += one->payload.size();
    if (const auto* one = std::get_if<Datagram>(&*frame)) datagrams += one->payload.size();
  }
  EXPECT_GE(data, 14'000u);
  EXPECT_GE(datagrams, 14'000u);
}

TEST(Datagrams, OnesBegunOnALostCarrierAreNotFinishedOnTheNext) {
  Pair pair;
  carry(pair.alice, pair.bob);
  pair.alice.send_datagram(pair.stream, pattern(50'000, 1), kStart);
  pair.alice.send_datagram(pair.stream, as_bytes("next"), kStart);
  ASSERT_TRUE(pair.bob.receive(fill(pair.alice, 20'000), kStart));
  pair.alice.restart_output();
  pair.alice.restart_datagrams(kStart);
  carry(pair.alice, pair.bob);
  const auto all = taken(pair.bob, pair.stream);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(as_text(all[0]), "next");
}

TEST(Datagrams, OfAStreamThatIsGoneReachNobody) {
  Pair pair;
  carry(pair.alice, pair.bob);
  pair.bob.reset(pair.stream, ErrorCode::kRefused);
  pair.alice.send_datagram(pair.stream, as_bytes("crosses"), kStart);
  carry(pair.alice, pair.bob);
  EXPECT_TRUE(pair.bob.datagrams().empty());
  carry(pair.bob, pair.alice);
  while (pair.alice.next_event()) continue;
  pair.alice.send_datagram(pair.stream, as_bytes("behind"), kStart);
  EXPECT_TRUE(fill(pair.alice, 60'000).empty());
  EXPECT_EQ(pair.alice.datagram_counts().lost, 1u);
}

TEST(Datagrams, BorrowedOnesShowWhereTheRecordIs) {
  Pair pair;
  carry(pair.alice, pair.bob);
  pair.alice.send_datagram(pair.stream, pattern(1000, 9), kStart);
  const auto record = fill(pair.alice, 60'000);
  pair.bob.borrow();
  ASSERT_TRUE(pair.bob.receive(record, kStart));
  ASSERT_EQ(pair.bob.datagrams().size(), 1u);
  EXPECT_EQ(pair.bob.datagrams()[0].data.data(), record.data() + kHeaderSize);
  pair.bob.datagrams_taken();
  pair.bob.settle();
}

class DatagramRecords : public testing::TestWithParam<unsigned> {};

TEST_P(DatagramRecords, ArriveWholeOrNotAtAllWhateverTheRecordsAndCarriersDo) {
  std::mt19937 rng(GetParam());
  Pair pair;
  carry(pair.alice, pair.bob);
  std::size_t arrived = 0;
  for (int turn = 0; turn < 300; ++turn) {
    const auto size = rng() % 4 == 0 ? rng() % kMaxDatagram : rng() % 2000;
    pair.alice.send_datagram(pair.stream, pattern(size, static_cast<unsigned>(size)), kStart);
    if (rng() % 10 == 0) {
      pair.alice.restart_output();
      pair.alice.restart_datagrams(kStart);
    }
    auto record = fill(pair.alice, 100 + rng() % 65'000);
    if (rng() % 20 == 0) continue;  // lost with its carrier
    ASSERT_TRUE(pair.bob.receive(record, kStart));
    for (const auto& one : taken(pair.bob, pair.stream)) {
      EXPECT_EQ(one, pattern(one.size(), static_cast<unsigned>(one.size())));
      ++arrived;
    }
  }
  EXPECT_GT(arrived, 100u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, DatagramRecords, testing::Range(0u, 20u));

}  // namespace
}  // namespace culvert::mux
