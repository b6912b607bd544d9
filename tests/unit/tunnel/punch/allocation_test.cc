#include "tunnel/punch/allocation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tunnel/punch/plan.h"

namespace culvert::punch {
namespace {

using control::Allocation;
using Kind = Allocation::Kind;

const SocketAddress kPeer = *SocketAddress::parse("198.51.100.7:4000");

TEST(Allocation, OfOnePortForAllDestinationsIsTheSame) {
  EXPECT_EQ(allocation_of({{0, 4000}, {0, 4000}}).kind, Kind::kSame);
  EXPECT_EQ(allocation_of({{0, 4000}, {0, 4000}, {1, 9}, {1, 9}}).kind, Kind::kSame);
  EXPECT_EQ(allocation_of({{0, 4000}}).kind, Kind::kUnknown) << "one alone says nothing";
  EXPECT_EQ(allocation_of({{0, 4000}, {0, 4001}}).kind, Kind::kUnknown) << "nor do two";
  EXPECT_EQ(allocation_of({}), Allocation{});
}

std::vector<Observation> seen(const std::vector<int>& ports) {
  std::vector<Observation> out;
  for (std::size_t i = 0; i < ports.size(); ++i)
    out.push_back({i / 4, static_cast<std::uint16_t>(ports[i])});
  return out;
}

TEST(Allocation, InASequenceIsSeenThroughOthersConnections) {
  const auto plain = allocation_of(seen({100, 101, 102, 103, 104, 105, 106, 107}));
  EXPECT_EQ(plain.kind, Kind::kSequential);
  EXPECT_EQ(plain.step, 1);
  EXPECT_EQ(plain.newest, 107);
  EXPECT_EQ(allocation_of(seen({200, 198, 196, 190, 188, 186, 184})).step, -2);
  EXPECT_EQ(allocation_of(seen({65000, 65001, 65003, 1024, 1025, 1026, 1029})).step, 1)
      << "wrapped";
}

class Drawn : public testing::TestWithParam<unsigned> {};

TEST_P(Drawn, FromARangeIsARangeThatHoldsNearlyAllOfItAndFromAllPortsIsRandom) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  std::mt19937 random(GetParam());
  const auto draw = [&](int first, int last) {
    std::vector<int> ports;
    for (int i = 0; i < 24; ++i)
      ports.push_back(std::uniform_int_distribution<>(first, last)(random));
    return allocation_of(seen(ports));
  };
  const auto small = draw(30'208, 30'719);
  ASSERT_EQ(small.kind, Kind::kRange);
  EXPECT_LE(small.last - small.first, 640);
  const int held = std::min<int>(small.last, 30'719) - std::max<int>(small.first, 30'208) + 1;
  EXPECT_GE(held, 400);
  EXPECT_EQ(draw(1024, 65'535).kind, Kind::kRandom);
}

TEST_P(Drawn, BirthdaysMeetWithinTheBudget) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  std::mt19937 random(GetParam());
  SystemRandom fresh;
  const Allocation same{Kind::kSame, 0, 0, 0, 4000}, range{Kind::kRange, 0, 30'208, 30'719, 30'300};
  int met = 0;
  for (int turn = 0; turn < 200; ++turn) {
    const auto here = plan_burst(same, range, kPeer, fresh);
    const auto there = plan_burst(range, same, kPeer, fresh);
    EXPECT_LE(here.from_shared.size() + there.sockets, 100u);
    bool meets = false;
    for (std::size_t i = 0; i < there.sockets; ++i) {
      const auto port = std::uniform_int_distribution<>(30'208, 30'719)(random);
      meets |= std::ranges::any_of(here.from_shared,
                                   [&](const SocketAddress& to) { return to.port == port; });
    }
    met += meets ? 1 : 0;
  }
  EXPECT_GE(met, 190);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Drawn, testing::Range(0u, 10u));

// The ports that a side's sockets get, one after the other, when `foreign` others came before.
std::optional<std::size_t> socket_with(std::uint16_t port, const Allocation& own,
                                       std::size_t sockets, int foreign) {
  for (std::size_t i = 0; i < sockets; ++i)
    if (own.newest + own.step * (static_cast<int>(i) + 1 + foreign) == port) return i;
  return std::nullopt;
}

TEST(Plan, TwoSequencesMeetWhateverOthersTookMeanwhile) {
  SystemRandom random;
  const Allocation a{Kind::kSequential, 1, 0, 0, 30'000}, b{Kind::kSequential, -2, 0, 0, 50'000};
  const auto at_a = plan_burst(a, b, kPeer, random), at_b = plan_burst(b, a, kPeer, random);
  for (int foreign_a = 0; foreign_a <= 32; foreign_a += 4)
    for (int foreign_b = 0; foreign_b <= 32; foreign_b += 4) {
      EXPECT_TRUE(socket_with(at_b.each.port, a, at_a.sockets, foreign_a)) << foreign_a;
      EXPECT_TRUE(socket_with(at_a.each.port, b, at_b.sockets, foreign_b)) << foreign_b;
    }
}

TEST(Plan, OfASequenceAndAKnownPortHoldsThePortsThatComeNext) {
  SystemRandom random;
  const Allocation same{Kind::kSame, 0, 0, 0, 4000}, sequence{Kind::kSequential, 2, 0, 0, 65'500};
  const auto here = plan_burst(same, sequence, kPeer, random);
  ASSERT_EQ(here.from_shared.size(), 17u) << "up to the last port there is";
  EXPECT_EQ(here.from_shared.front().port, 65'502);
  const auto there = plan_burst(sequence, same, kPeer, random);
  EXPECT_EQ(there.each, kPeer);
  EXPECT_GT(there.sockets, 0u);
}

TEST(Plan, IsNotMadeWhereItTakesTooMuchAndSaysSo) {
  SystemRandom random;
  const Allocation same{Kind::kSame, 0, 0, 0, 1}, any{Kind::kRandom, 0, 0, 0, 1},
      range{Kind::kRange, 0, 1000, 1500, 1}, wide{Kind::kRange, 0, 1000, 60'000, 1};
  for (const auto& [one, other] :
       {std::pair{same, any}, {any, any}, {range, range}, {same, wide}}) {
    EXPECT_TRUE(plan_burst(one, other, kPeer, random).empty());
    EXPECT_TRUE(plan_burst(other, one, kPeer, random).empty());
  }
  EXPECT_NE(why_no_burst(any, same), "");
  EXPECT_NE(why_no_burst(range, range), "");
  EXPECT_EQ(why_no_burst(same, range), "");
  EXPECT_EQ(why_no_burst(same, same), "");
  EXPECT_EQ(why_no_burst(any, {}), "") << "one of them is not known";
}

}  // namespace
}  // namespace culvert::punch
