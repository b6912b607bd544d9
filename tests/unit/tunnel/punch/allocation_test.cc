#include "tunnel/punch/allocation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace culvert::punch {
namespace {

using control::Allocation;
using Kind = Allocation::Kind;

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

INSTANTIATE_TEST_SUITE_P(Seeds, Drawn, testing::Range(0u, 10u));

TEST(Allocation, SeesThatOnePortServesSeveralDestinations) {
  std::mt19937 random(7);
  std::vector<Observation> seen, exclusive;
  std::vector<std::uint16_t> ports(512);
  std::ranges::generate(ports, [next = std::uint16_t{600}]() mutable { return next++; });
  std::ranges::shuffle(ports, random);
  for (std::size_t i = 0; i < 96; ++i) {
    const auto drawn = std::uniform_int_distribution<unsigned>(600, 1111)(random);
    seen.push_back({i / 4, static_cast<std::uint16_t>(drawn), i % 4});
    exclusive.push_back({i / 4, ports[i], i % 4});
  }
  EXPECT_TRUE(allocation_of(seen).shared);
  EXPECT_FALSE(allocation_of(exclusive).shared);
}

}  // namespace
}  // namespace culvert::punch
