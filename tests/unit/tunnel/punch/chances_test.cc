#include "tunnel/punch/chances.h"

#include <gtest/gtest.h>

#include <random>

namespace culvert::punch {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const IpAddress kOwn = IpAddress::v4(0xc0000201);
Chances::Pair pair_with(std::uint32_t peer) { return {kOwn, IpAddress::v4(0xc6336400 + peer)}; }

TEST(Chances, EndWithASeriesAndComeAgainMuchLater) {
  Chances chances(200);
  TimePoint now{seconds{1}};
  int bursts = 0;
  for (const auto end = now + Duration{hours{48}}; now < end; now += Duration{seconds{10}})
    if (chances.left(pair_with(1), now) > 0) {
      chances.tried(pair_with(1), 200, 0.46, /*drawing=*/false, now);
      ++bursts;
    }
  EXPECT_GE(bursts, 5 * Chances::kMostBursts) << "after 1, 2, 4 ... hours";
  EXPECT_LE(bursts, 7 * Chances::kMostBursts) << "a hopeless pair is not tried for ever";
}

TEST(Chances, OfASureBurstAreTwo) {
  Chances chances(200);
  TimePoint now{seconds{1}};
  chances.tried(pair_with(1), 46, 0.99, false, now);
  EXPECT_EQ(chances.left(pair_with(1), now), 0u);
  ASSERT_TRUE(chances.until_next(pair_with(1), now));
  now += *chances.until_next(pair_with(1), now);
  EXPECT_EQ(chances.left(pair_with(1), now), 200u);
  chances.tried(pair_with(1), 46, 0.99, false, now);
  EXPECT_FALSE(chances.until_next(pair_with(1), now)) << "the series is over";
  EXPECT_EQ(chances.left(pair_with(1), now + Duration{seconds{3599}}), 0u);
  EXPECT_EQ(chances.left(pair_with(1), now + Duration{hours{1}}), 200u);
}

TEST(Chances, WaitLongerWhereEachBurstTakesNewMappings) {
  Chances chances(200);
  const TimePoint now{seconds{1}};
  chances.tried(pair_with(1), 200, 0.2, /*drawing=*/true, now);
  EXPECT_EQ(chances.left(pair_with(1), now + Duration{seconds{119}}), 0u);
  EXPECT_EQ(chances.left(pair_with(1), now + Duration{seconds{120}}), 200u);
}

TEST(Chances, OfAllPairsTogetherNeverTakeMoreThanTheBudgetAtATime) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Chances chances(200);
    std::deque<std::pair<TimePoint, std::size_t>> alive;
    TimePoint now{seconds{1}};
    for (int turn = 0; turn < 2000; ++turn) {
      now += Duration{std::chrono::milliseconds{random() % 3000}};
      const auto pair = pair_with(static_cast<std::uint32_t>(random() % 400));
      const auto left = chances.left(pair, now);
      if (left == 0) continue;
      const auto taken = 1 + random() % left;
      chances.tried(pair, taken, 0.5, random() % 2 == 0, now);
      alive.emplace_back(now, taken);
      std::size_t sum = 0;
      for (const auto& [at, count] : alive) sum += now - at < Duration{Chances::kPause} ? count : 0;
      ASSERT_LE(sum, 200u);
    }
  }
}

TEST(Chances, AreForgottenOnceAWayWasFoundAndNoneWithoutABudget) {
  Chances chances(200);
  const TimePoint now{seconds{1}};
  chances.tried(pair_with(1), 40, 0.99, true, now);
  chances.found(pair_with(1));
  EXPECT_EQ(chances.left(pair_with(1), now), 160u);
  chances.set_budget(0);
  EXPECT_EQ(chances.left(pair_with(2), now + Duration{hours{1}}), 0u);
}

}  // namespace
}  // namespace culvert::punch
