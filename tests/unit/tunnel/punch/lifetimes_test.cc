#include "tunnel/punch/lifetimes.h"

#include <gtest/gtest.h>

namespace culvert::punch {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const IpAddress kOwn = IpAddress::v4(0xc0000201);
Lifetimes::Pair pair_with(std::uint32_t peer) { return {kOwn, IpAddress::v4(0xc6336400 + peer)}; }
constexpr TimePoint kStart{seconds{1000}};

TEST(Lifetimes, AreKnownOnceTwoPathsDiedAtTheSameAge) {
  Lifetimes lifetimes;
  lifetimes.died(pair_with(1), seconds{60}, kStart);
  EXPECT_FALSE(lifetimes.renew_at(pair_with(1), kStart));
  lifetimes.died(pair_with(1), milliseconds{58'800}, kStart);
  EXPECT_EQ(lifetimes.renew_at(pair_with(1), kStart), milliseconds{41'160}) << "of the shorter one";
  EXPECT_FALSE(lifetimes.renew_at(pair_with(2), kStart));
  EXPECT_FALSE(lifetimes.renew_at(pair_with(1), kStart + hours{25})) << "it may have changed";
}

TEST(Lifetimes, OfPathsThatDieByAccidentAreNone) {
  Lifetimes lifetimes;
  for (const int age : {60, 30, 100, 45, 300, 20})
    lifetimes.died(pair_with(1), seconds{age}, kStart);
  EXPECT_FALSE(lifetimes.renew_at(pair_with(1), kStart));
  for (int i = 0; i < 3; ++i) lifetimes.died(pair_with(2), seconds{5}, kStart);
  EXPECT_FALSE(lifetimes.renew_at(pair_with(2), kStart)) << "too short for a timer";
}

TEST(Lifetimes, AreForgottenWhereAPathLivesLonger) {
  Lifetimes lifetimes;
  for (int i = 0; i < 2; ++i) lifetimes.died(pair_with(1), seconds{60}, kStart);
  lifetimes.lives(pair_with(1), seconds{62});
  EXPECT_TRUE(lifetimes.renew_at(pair_with(1), kStart));
  lifetimes.lives(pair_with(1), seconds{90});
  EXPECT_FALSE(lifetimes.renew_at(pair_with(1), kStart));
}

TEST(Lifetimes, TakeBoundedMemory) {
  Lifetimes lifetimes;
  for (std::uint32_t peer = 0; peer < 200; ++peer)
    for (int i = 0; i < 2; ++i)
      lifetimes.died(pair_with(peer), seconds{60}, kStart + seconds{peer});
  const auto now = kStart + seconds{200};
  EXPECT_FALSE(lifetimes.renew_at(pair_with(0), now));
  EXPECT_TRUE(lifetimes.renew_at(pair_with(199), now));
}

}  // namespace
}  // namespace culvert::punch
