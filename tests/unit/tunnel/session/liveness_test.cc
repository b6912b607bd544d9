#include "tunnel/session/liveness.h"

#include <gtest/gtest.h>

#include <utility>

namespace culvert::session {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Verdict = Liveness::Verdict;

constexpr TimePoint kStart{seconds{1000}};

// Ticks at every deadline until `end`; counts PINGs, stops when dead.
struct Watch {
  explicit Watch(bool dials = true, bool direct = false) : liveness(dials) {
    liveness.attached(kStart, milliseconds{1}, direct);
    liveness.received(kStart, false);
  }
  void run(TimePoint end, bool answered) {
    while (const auto next = liveness.next_deadline()) {
      if (*next > end || dead_at) return;
      switch (liveness.tick(*next)) {
        case Verdict::kFine: break;
        case Verdict::kPing:
          ++pings;
          last_ping = *next;
          if (answered) {
            liveness.received(*next + milliseconds{1}, false);
            liveness.pong(*next + milliseconds{1}, liveness.ping_value());
          }
          break;
        case Verdict::kDead: dead_at = *next; break;
      }
    }
  }
  Liveness liveness;
  int pings = 0;
  TimePoint last_ping{};
  std::optional<TimePoint> dead_at;
};

TEST(Liveness, NoticesWithinThreeSecondsThatWhatWasSentIsNotAnswered) {
  Watch watch;
  watch.liveness.sent(kStart, /*wants_answer=*/true);
  watch.run(kStart + seconds{10}, /*answered=*/false);
  ASSERT_TRUE(watch.dead_at);
  EXPECT_EQ(watch.pings, 1);
  EXPECT_LE(*watch.dead_at - kStart, seconds{3});
}

TEST(Liveness, SuspectsLossOfWhatWasSentLongBeforeTheCarrierIsDead) {
  Watch watch;
  watch.liveness.sent(kStart, /*wants_answer=*/true);
  EXPECT_FALSE(watch.liveness.suspects_loss());
  watch.run(kStart + seconds{1}, /*answered=*/false);
  EXPECT_FALSE(watch.dead_at);
  EXPECT_TRUE(watch.liveness.suspects_loss());
  watch.liveness.received(kStart + seconds{1}, false);
  watch.liveness.pong(kStart + seconds{1}, watch.liveness.ping_value());
  EXPECT_FALSE(watch.liveness.suspects_loss());
}

TEST(Liveness, NoticesWithinThreeSecondsThatADownloadStopped) {
  Watch watch;
  watch.liveness.received(kStart, /*more_than_pings=*/true);
  watch.run(kStart + seconds{10}, false);
  ASSERT_TRUE(watch.dead_at);
  EXPECT_LE(*watch.dead_at - kStart, seconds{3});
}

TEST(Liveness, NoticesWithin350MillisecondsThatADirectPathDied) {
  for (const bool sending : {true, false}) {
    Watch watch(/*dials=*/true, /*direct=*/true);
    if (sending)
      watch.liveness.sent(kStart, /*wants_answer=*/true);
    else
      watch.liveness.received(kStart, /*more_than_pings=*/true);
    watch.run(kStart + seconds{10}, /*answered=*/false);
    ASSERT_TRUE(watch.dead_at);
    EXPECT_EQ(watch.pings, 1);
    EXPECT_LE(*watch.dead_at - kStart, milliseconds{450}) << (sending ? "sending" : "receiving");
    if (sending) {
      EXPECT_LE(*watch.dead_at - kStart, milliseconds{350});
    }
  }
}

TEST(Liveness, AsksAPausedPeerOnceAndAnIdleOneSeldom) {
  Watch watch;
  watch.liveness.received(kStart, true);
  watch.run(kStart + seconds{19}, /*answered=*/true);
  EXPECT_EQ(watch.pings, 1) << "for the pause";
  watch.run(kStart + seconds{26}, true);
  EXPECT_EQ(watch.pings, 2) << "keepalive";
}

TEST(Liveness, WaitsLongerWhereTheRoundTripIsLong) {
  Watch watch;
  watch.liveness.attached(kStart, seconds{2});
  watch.liveness.received(kStart, false);
  watch.liveness.sent(kStart, true);
  watch.run(kStart + seconds{60}, false);
  ASSERT_TRUE(watch.dead_at);
  EXPECT_EQ(*watch.dead_at - kStart, seconds{12});
}

TEST(Liveness, AnswersThatWaitedForALossDoNotMakeItWaitLongerForTheNext) {
  for (const auto handshake : {milliseconds{1}, milliseconds{3000}}) {
    Watch watch;
    watch.liveness.attached(kStart, handshake);
    for (const auto sample : {milliseconds{1}, milliseconds{6000}}) {
      const auto value = watch.liveness.ping_for_measuring(kStart, /*urgent=*/true, false);
      ASSERT_TRUE(value);
      watch.liveness.received(kStart + sample, false);
      watch.liveness.pong(kStart + sample, *value);
    }
    const auto later = kStart + seconds{10};
    watch.liveness.sent(later, /*wants_answer=*/true);
    watch.run(later + seconds{60}, false);
    ASSERT_TRUE(watch.dead_at);
    EXPECT_LE(*watch.dead_at - later, seconds{3});
  }
}

TEST(Liveness, IsPatientWhileNothingIsKnownOfTheRoundTrip) {
  Watch watch(/*dials=*/false);
  watch.liveness.attached(kStart, std::nullopt);
  watch.run(kStart + seconds{60}, false);
  ASSERT_TRUE(watch.dead_at);
  EXPECT_GE(*watch.dead_at - kStart, seconds{10});
}

TEST(Liveness, AChangedNetworkIsLookedIntoAtOnce) {
  Watch watch;
  watch.liveness.suspect(kStart + seconds{5});
  watch.run(kStart + seconds{20}, false);
  EXPECT_EQ(watch.last_ping, kStart + seconds{5});
  ASSERT_TRUE(watch.dead_at);
  EXPECT_LE(*watch.dead_at - kStart, seconds{6} + milliseconds{10});
}

TEST(Liveness, AnsweredSuspicionLeavesNothingBehind) {
  Watch watch;
  watch.liveness.suspect(kStart);
  watch.run(kStart + seconds{15}, true);
  EXPECT_EQ(watch.pings, 1);
  EXPECT_FALSE(watch.dead_at);
}

TEST(Liveness, TheKeepaliveGrowsWhileItIsAnswered) {
  Watch watch;
  watch.run(kStart + std::chrono::minutes{30}, true);
  EXPECT_EQ(watch.liveness.idle_interval(), Liveness::kMostIdle);
  EXPECT_LE(watch.pings, 25);
}

TEST(Liveness, TheKeepaliveHalvesWhenTheBarrierForgotTheConnection) {
  Watch watch;
  watch.run(kStart + seconds{300}, true);
  const auto grown = watch.liveness.idle_interval();
  watch.run(kStart + seconds{600}, false);
  ASSERT_TRUE(watch.dead_at);
  watch.liveness.detached();
  EXPECT_EQ(watch.liveness.idle_interval(), grown / 2);
  EXPECT_EQ(grown, Liveness::kMostIdle);
  const auto later = *watch.dead_at;
  watch.dead_at.reset();
  watch.liveness.attached(later, milliseconds{1});
  watch.liveness.received(later, false);
  watch.run(later + seconds{600}, true);
  EXPECT_EQ(watch.liveness.idle_interval(), grown / 2);
}

TEST(Liveness, WhatAnotherNetworkTaughtIsForgottenInTheEnd) {
  Watch watch;
  watch.run(kStart + seconds{300}, false);
  const auto later = *std::exchange(watch.dead_at, std::nullopt);
  watch.liveness.detached();
  EXPECT_EQ(watch.liveness.idle_interval(), Liveness::kKeepalive / 2);
  watch.liveness.attached(later, milliseconds{1});
  watch.liveness.received(later, false);
  watch.run(later + std::chrono::hours{2}, true);
  EXPECT_EQ(watch.liveness.idle_interval(), Liveness::kMostIdle);
}

TEST(Liveness, ALossAfterTheMachineSleptTeachesNothing) {
  Watch watch;
  watch.liveness.sent(kStart + std::chrono::hours{1}, /*wants_answer=*/true);
  watch.run(kStart + std::chrono::hours{2}, false);
  ASSERT_TRUE(watch.dead_at);
  watch.liveness.detached();
  EXPECT_EQ(watch.liveness.idle_interval(), Liveness::kKeepalive);
}

// A barrier that forgets connections after 10 s.
TEST(Liveness, OneLossAfterASilenceTeachesAKeepaliveThatIsShorterThanIt) {
  Watch watch;
  const auto typed = kStart + seconds{15};
  watch.run(typed, true);
  watch.liveness.sent(typed, /*wants_answer=*/true);
  watch.run(typed + seconds{4}, false);
  ASSERT_TRUE(watch.dead_at);
  watch.liveness.detached();
  EXPECT_EQ(watch.liveness.idle_interval(), milliseconds{7500});
  auto last = *watch.dead_at;
  watch.liveness.attached(last, milliseconds{1});
  watch.liveness.received(last, false);
  for (int i = 0; i < 20; ++i) {
    const auto next = *watch.liveness.next_deadline();
    EXPECT_LE(next - last, milliseconds{7500});
    ASSERT_EQ(watch.liveness.tick(next), Verdict::kPing);
    last = next + milliseconds{1};
    watch.liveness.received(last, false);
    watch.liveness.pong(last, watch.liveness.ping_value());
  }
}

TEST(Liveness, ALossAfterAShortSilenceTeachesNothing) {
  Watch watch;
  watch.liveness.sent(kStart + seconds{9}, /*wants_answer=*/true);
  watch.run(kStart + seconds{60}, false);
  ASSERT_TRUE(watch.dead_at);
  watch.liveness.detached();
  EXPECT_EQ(watch.liveness.idle_interval(), Liveness::kKeepalive);
}

TEST(Liveness, TheKeepaliveDoesNotFallBelowItsLeast) {
  Watch watch;
  auto now = kStart;
  for (int i = 0; i < 6; ++i) {
    watch.run(now + seconds{300}, false);
    ASSERT_TRUE(watch.dead_at);
    now = *std::exchange(watch.dead_at, std::nullopt);
    watch.liveness.detached();
    watch.liveness.attached(now, milliseconds{1});
    watch.liveness.received(now, false);
  }
  EXPECT_EQ(watch.liveness.idle_interval(), Liveness::kLeastIdle);
}

TEST(Liveness, ManyIdleSessionsWakeTheProcessTogether) {
  Watch one, other;
  other.liveness.received(kStart + milliseconds{1700}, false);
  EXPECT_EQ(one.liveness.next_deadline(), kStart + seconds{20});
  EXPECT_EQ(other.liveness.next_deadline(), kStart + seconds{25});
  other.liveness.received(kStart + milliseconds{3900}, false);
  EXPECT_EQ(other.liveness.next_deadline(), kStart + seconds{25});
}

TEST(Liveness, TheLeastRoundTripIsNotThatOfTheQueueABulkStreamMakes) {
  Liveness liveness(/*dials=*/false);
  liveness.attached(kStart, std::nullopt);
  auto now = kStart;
  for (const auto sample : {milliseconds{20}, milliseconds{90}, milliseconds{90}}) {
    now += seconds{2};
    const auto value = liveness.ping_for_measuring(now, false, true);
    ASSERT_TRUE(value);
    liveness.pong(now + sample, *value);
  }
  EXPECT_EQ(liveness.least_round_trip(), milliseconds{20});
  EXPECT_GT(liveness.round_trip(), milliseconds{20});
}

TEST(Liveness, MeasuresOftenForTheFirstBulkOnlyAndSeldomBesideADialogue) {
  for (const bool bulk : {false, true}) {
    Liveness liveness(/*dials=*/true);
    liveness.attached(kStart, milliseconds{40});
    int pings = 0;
    for (auto now = kStart + seconds{1}; now < kStart + seconds{3}; now += milliseconds{10})
      if (const auto value = liveness.ping_for_measuring(now, false, bulk)) {
        liveness.pong(now + milliseconds{5}, *value);
        ++pings;
      }
    EXPECT_EQ(pings, bulk ? 11 : 2);
  }
}

TEST(Liveness, NothingIsDueWithoutACarrier) {
  Watch watch;
  watch.liveness.sent(kStart, true);
  watch.liveness.detached();
  EXPECT_FALSE(watch.liveness.next_deadline());
  EXPECT_EQ(watch.liveness.tick(kStart + seconds{100}), Verdict::kFine);
}

}  // namespace
}  // namespace culvert::session
