#include "tunnel/crypto/replay_guard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace culvert::crypto {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

PublicKey key(unsigned number) {
  std::array<std::byte, 32> raw{};
  raw[0] = static_cast<std::byte>(number);
  return PublicKey{raw};
}

constexpr UnixTime kNoon = UnixTime{seconds(1'760'000'000)};

TEST(ReplayGuard, AcceptsEachHandshakeOnce) {
  ReplayGuard guard;
  EXPECT_TRUE(guard.accept(key(1), kNoon));
  const auto repeated = guard.accept(key(1), kNoon);
  ASSERT_FALSE(repeated);
  EXPECT_EQ(repeated.error().code, ErrorCode::kAuthentication);
  EXPECT_TRUE(guard.accept(key(1), kNoon + Duration(1)));
}

TEST(ReplayGuard, KeepsKeysApart) {
  ReplayGuard guard;
  EXPECT_TRUE(guard.accept(key(1), kNoon));
  EXPECT_TRUE(guard.accept(key(2), kNoon));
  EXPECT_TRUE(guard.accept(key(2), kNoon - seconds(5)));
  EXPECT_FALSE(guard.accept(key(1), kNoon));
}

TEST(ReplayGuard, AcceptsHandshakesThatOvertookEachOtherWithinTheWindow) {
  ReplayGuard guard;
  EXPECT_TRUE(guard.accept(key(1), kNoon));
  EXPECT_TRUE(guard.accept(key(1), kNoon - seconds(9)));
  EXPECT_FALSE(guard.accept(key(1), kNoon - seconds(9)));
  EXPECT_FALSE(guard.accept(key(1), kNoon - seconds(10)));
  EXPECT_TRUE(guard.accept(key(1), kNoon - seconds(10) + Duration(1)));
}

TEST(ReplayGuard, RefusesForGoodWhatFellOutOfTheWindow) {
  ReplayGuard guard;
  EXPECT_TRUE(guard.accept(key(1), kNoon));
  EXPECT_TRUE(guard.accept(key(1), kNoon + seconds(11)));
  EXPECT_FALSE(guard.accept(key(1), kNoon));
  EXPECT_FALSE(guard.accept(key(1), kNoon + milliseconds(900)));
}

TEST(ReplayGuard, RemembersABoundedNumberAndThenRaisesTheFloor) {
  ReplayGuard guard;
  for (int i = 1; i <= 1000; ++i) ASSERT_TRUE(guard.accept(key(1), kNoon + milliseconds(i)));
  for (int i = 1; i <= 1000; ++i) ASSERT_FALSE(guard.accept(key(1), kNoon + milliseconds(i))) << i;
  EXPECT_FALSE(guard.accept(key(1), kNoon + milliseconds(1)));
  EXPECT_TRUE(guard.accept(key(1), kNoon + milliseconds(999) + Duration(1)));
}

TEST(ReplayGuard, RefusesAfterARestartWhatWasAcceptedBefore) {
  ReplayGuard before;
  ASSERT_TRUE(before.accept(key(1), kNoon));
  ASSERT_TRUE(before.accept(key(1), kNoon - seconds(3)));
  ASSERT_TRUE(before.accept(key(2), kNoon + seconds(60)));

  ReplayGuard after;
  for (const auto& floor : before.export_floors()) after.import_floor(floor);
  EXPECT_FALSE(after.accept(key(1), kNoon));
  EXPECT_FALSE(after.accept(key(1), kNoon - seconds(3)));
  EXPECT_FALSE(after.accept(key(1), kNoon - seconds(2))) << "unseen, but not known to be";
  EXPECT_FALSE(after.accept(key(2), kNoon + seconds(60)));
  EXPECT_EQ(after.export_floors(), before.export_floors());
  EXPECT_TRUE(after.accept(key(1), kNoon + Duration(1)));
}

TEST(ReplayGuard, NeverLowersAFloorByImport) {
  ReplayGuard guard;
  ASSERT_TRUE(guard.accept(key(1), kNoon));
  guard.import_floor({key(1), kNoon - seconds(100)});
  EXPECT_FALSE(guard.accept(key(1), kNoon));
  guard.import_floor({key(1), kNoon + seconds(100)});
  EXPECT_FALSE(guard.accept(key(1), kNoon + seconds(100)));
}

TEST(ReplayGuard, ForgetsAKeyOnDemand) {
  ReplayGuard guard;
  ASSERT_TRUE(guard.accept(key(1), kNoon));
  guard.forget(key(1));
  EXPECT_EQ(guard.party_count(), 0u);
  EXPECT_TRUE(guard.accept(key(1), kNoon - seconds(100)));
}

TEST(ReplayGuard, RefusesTimesThatNoClockShows) {
  ReplayGuard guard;
  EXPECT_FALSE(guard.accept(key(1), from_unix_nanoseconds(~std::uint64_t{0})));
  EXPECT_EQ(guard.party_count(), 0u);
  EXPECT_TRUE(guard.accept(key(1), UnixTime::max()));
}

// Whatever the order: nothing twice, and nothing lost that is inside window and memory.
TEST(ReplayGuard, AcceptsNothingTwiceInAnyOrder) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    ReplayGuard guard;
    std::set<UnixTime> accepted;
    for (int i = 0; i < 500; ++i) {
      const auto sent = kNoon + milliseconds(i * 250) - milliseconds(random() % 12 * 1000);
      const bool is_new = guard.accept(key(1), sent).has_value();
      const auto newest = accepted.empty() ? UnixTime::min() : *accepted.rbegin();
      const bool expected =
          !accepted.contains(sent) && (accepted.empty() || sent > newest - ReplayGuard::kWindow);
      ASSERT_EQ(is_new, expected) << i;
      if (is_new) accepted.insert(sent);
    }
  }
}

}  // namespace
}  // namespace culvert::crypto
