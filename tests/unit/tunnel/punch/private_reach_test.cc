#include "tunnel/punch/private_reach.h"

#include <gtest/gtest.h>

namespace culvert::punch {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr TimePoint kStart{seconds{1000}};
IpAddress private_one(std::uint32_t number) { return IpAddress::v4(0x0a000000 + number); }
std::array<std::byte, 32> key(unsigned number) { return {static_cast<std::byte>(number)}; }

TEST(PrivateReach, LetsOnePeerHaveAFewAddressesDialledAndNoMoreHoweverOftenItCalls) {
  PrivateReach reach;
  std::size_t allowed = 0;
  for (std::uint32_t number = 0; number < 256; ++number)
    allowed += reach.dial(key(1), private_one(number), kStart) ? 1 : 0;
  EXPECT_EQ(allowed, PrivateReach::kMostOfPeer);
  EXPECT_TRUE(reach.dial(key(2), private_one(1), kStart)) << "another one";
}

TEST(PrivateReach, LetsManyPeersTogetherHaveNoNetworkScanned) {
  PrivateReach reach;
  std::size_t allowed = 0;
  for (unsigned peer = 0; peer < 200; ++peer)
    for (std::uint32_t number = 0; number < 8; ++number)
      allowed += reach.dial(key(peer), private_one(8 * peer + number), kStart) ? 1 : 0;
  EXPECT_EQ(allowed, PrivateReach::kMost);
}

TEST(PrivateReach, EndsAfterAFewRoundsInVainForAnHour) {
  PrivateReach reach;
  int rounds = 0;
  for (int second = 0; second < 3599; ++second)
    rounds += reach.dial(key(1), private_one(1), kStart + seconds{second}) ? 1 : 0;
  EXPECT_EQ(rounds, PrivateReach::kMostRounds);
  EXPECT_TRUE(reach.dial(key(1), private_one(1), kStart + minutes{61}));
}

TEST(PrivateReach, GoesOnWhereThatPeerWasFound) {
  PrivateReach reach;
  for (int round = 0; round < 50; ++round) {
    EXPECT_TRUE(reach.dial(key(1), private_one(1), kStart)) << round;
    reach.found(key(1), private_one(1), kStart);
  }
}

TEST(PrivateReach, CountsWhereItWasHeardAmongThePeersAddresses) {
  PrivateReach reach;
  for (std::uint32_t number = 0; number < PrivateReach::kMostOfPeer; ++number)
    EXPECT_TRUE(reach.hear(key(1), private_one(number), kStart));
  EXPECT_FALSE(reach.hear(key(1), private_one(99), kStart));
  EXPECT_FALSE(reach.dial(key(1), private_one(99), kStart));
  EXPECT_TRUE(reach.hear(key(1), private_one(0), kStart)) << "still";
}

}  // namespace
}  // namespace culvert::punch
