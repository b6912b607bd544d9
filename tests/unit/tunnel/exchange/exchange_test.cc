#include "exchange_world.h"

namespace culvert::exchange {
namespace {

ByteVector noise(std::uint64_t seed, std::size_t size) {
  SeededRandom random(seed);
  ByteVector out(size);
  random.fill(out);
  return out;
}

// Both directions at once, then both ends.
void transfer(World& world, std::size_t size, Duration most = seconds{300}) {
  world.at_service.clear();
  world.at_client.clear();
  const auto up = noise(1, size), down = noise(2, size + 77);
  world.to_service = up;
  world.to_client = down;
  world.ends_client = world.ends_service = true;
  EXPECT_TRUE(world.run(
      [&] {
        return world.client().peer_ended() && world.server() != nullptr &&
               world.server()->peer_ended();
      },
      most))
      << world.at_service.size() << " of " << up.size() << " up, " << world.at_client.size()
      << " of " << down.size() << " down"
      << (world.client().failure() ? ", " + world.client().failure()->detail : "");
  EXPECT_TRUE(world.at_service == up);
  EXPECT_TRUE(world.at_client == down);
}

Duration echo_time(World& world) {
  const auto before_service = world.at_service.size(), before_client = world.at_client.size();
  const auto start = world.now();
  world.to_service = noise(3, 64);
  EXPECT_TRUE(world.run([&] { return world.at_service.size() == before_service + 64; }));
  world.to_client = noise(4, 64);
  EXPECT_TRUE(world.run([&] { return world.at_client.size() == before_client + 64; }));
  return world.now() - start;
}

struct Case {
  const char* name;
  Middlebox box;
};
const Case kCases[] = {
    {"Transparent", {}},
    {"HoldsRequests", {.holds_requests = true}},
    {"HoldsAnswers", {.holds_answers = true}},
    {"HoldsBoth", {.holds_requests = true, .holds_answers = true}},
    {"ClosesAfterEachAnswer", {.closes = true}},
    {"StoresForwardsAndCloses", {.holds_requests = true, .holds_answers = true, .closes = true}},
    {"NoticesNoLeavers", {.holds_answers = true, .notices_leavers = false}},
};

class ThroughMiddlebox : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Boxes, ThroughMiddlebox, testing::ValuesIn(kCases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(ThroughMiddlebox, EveryOctetArrivesOnceAndInOrder) {
  World world(1, GetParam().box);
  transfer(world, 5'000'000);
  EXPECT_LE(world.most_connections(), Client::kMaxLanes);
}

TEST_P(ThroughMiddlebox, StreamsAreFoundOutInHalfASecondWhereTheyPass) {
  World world(2, GetParam().box);
  (void)echo_time(world);
  const auto start = world.now();
  const auto& known = world.client().learned();
  EXPECT_TRUE(
      world.run([&] { return known.up != Streams::kUnknown && known.down != Streams::kUnknown; }));
  const bool streams = !GetParam().box.holds_requests || !GetParam().box.holds_answers;
  EXPECT_LE(world.now() - start, streams ? milliseconds{1500} : milliseconds{1500});
  EXPECT_EQ(known.up == Streams::kYes, !GetParam().box.holds_requests);
  EXPECT_EQ(known.down == Streams::kYes, !GetParam().box.holds_answers);
}

TEST_P(ThroughMiddlebox, AnEchoTakesOneRoundTripOnceEverythingIsFoundOut) {
  World world(3, GetParam().box);
  (void)echo_time(world);
  world.idle_for(seconds{3});
  for (int i = 0; i < 5; ++i) {
    EXPECT_LE(echo_time(world), milliseconds{41}) << world.client().describe();
    world.idle_for(milliseconds{300});
  }
}

TEST_P(ThroughMiddlebox, AnIdleExchangeStaysAndCostsFewRequests) {
  World world(4, GetParam().box);
  (void)echo_time(world);
  world.idle_for(seconds{120});
  const auto before = world.requests();
  world.idle_for(seconds{200});
  EXPECT_LE(world.requests() - before, 30u);
  EXPECT_FALSE(world.client().failure());
  EXPECT_LE(echo_time(world), milliseconds{60});
}

const Case kFewConnections[] = {
    {"LetsOneConnectionPass", {.most_connections = 1}},
    {"LetsOneConnectionPassAndClosesIt", {.closes = true, .most_connections = 1}},
    {"SwallowsASecondConnection", {.most_connections = 1, .silence = seconds{10}}},
    {"HoldsBothAndLetsTwoPass",
     {.holds_requests = true, .holds_answers = true, .most_connections = 2}},
    {"LetsThreePass", {.most_connections = 3}},
};
class WithFewConnections : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Boxes, WithFewConnections, testing::ValuesIn(kFewConnections),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(WithFewConnections, EveryOctetArrivesOnceAndInOrder) {
  World world(1, GetParam().box);
  transfer(world, 5'000'000);
  EXPECT_LE(world.most_connections(), GetParam().box.most_connections);
}

TEST_P(WithFewConnections, AnEchoTakesAFewRoundTrips) {
  World world(3, GetParam().box);
  (void)echo_time(world);
  world.idle_for(seconds{3});
  for (int i = 0; i < 5; ++i) {
    EXPECT_LE(echo_time(world), milliseconds{400}) << world.client().describe();
    world.idle_for(milliseconds{300});
  }
}

TEST_P(WithFewConnections, AnIdleExchangeStays) {
  World world(4, GetParam().box);
  (void)echo_time(world);
  world.idle_for(seconds{120});
  const auto before = world.requests();
  world.idle_for(seconds{200});
  EXPECT_LE(world.requests() - before, 250u);
  EXPECT_FALSE(world.client().failure());
  EXPECT_LE(echo_time(world), milliseconds{1300});
}

class UnderFaults : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Seeds, UnderFaults, testing::Range(0, 40));
// Of 1500, some of those where it was given up: answers too long for how often connections die.
INSTANTIATE_TEST_SUITE_P(SeedsThatFailed, UnderFaults,
                         testing::Values(45, 238, 255, 261, 416, 475, 589, 597, 653, 922, 1002,
                                         1024, 1071, 1423));

Middlebox faulty_box(SeededRandom& dice) {
  Middlebox box;
  box.holds_requests = dice.one_in(2);
  box.holds_answers = dice.one_in(2);
  box.closes = dice.one_in(3);
  box.notices_leavers = dice.one_in(2);
  box.repeats = 1 + dice.below(5);
  box.cut = std::size_t{1} << (7 + dice.below(10));
  box.dies = 10 + (60'000 + dice.below(300'000)) / (box.cut / 2);
  return box;
}

TEST_P(UnderFaults, NothingIsLostOrDoubledWithFewConnectionsEither) {
  SeededRandom dice(static_cast<std::uint64_t>(GetParam()) + 2000);
  auto box = faulty_box(dice);
  box.most_connections = 1 + dice.below(4);
  box.silence = dice.one_in(2) ? Duration{} : seconds{10};
  World world(static_cast<std::uint64_t>(GetParam()), box);
  transfer(world, 200'000 + dice.below(200'000), seconds{900});
}

TEST_P(UnderFaults, NothingIsLostOrDoubledWhateverDiesOrIsRepeated) {
  SeededRandom dice(static_cast<std::uint64_t>(GetParam()) + 1000);
  const auto box = faulty_box(dice);
  World world(static_cast<std::uint64_t>(GetParam()), box);
  transfer(world, 400'000 + dice.below(400'000), seconds{900});
}

TEST(Exchange, ConnectionsThatAreCutBeforeTheFirstAnswerAreNotTheEnd) {
  World world(13, {});
  world.to_service = noise(7, 100);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(world.run([&] { return world.connections() != 0; }, seconds{2}));
    world.idle_for(milliseconds{10});
    world.kill_connections();
  }
  EXPECT_TRUE(world.run([&] { return world.at_service.size() == 100; }, seconds{5}));
}

TEST(Exchange, WhoAlwaysCutsConnectionsIsGivenUpInAFewSeconds) {
  World world(14, {});
  world.to_service = noise(7, 100);
  const auto start = world.now();
  while (!world.client().failure() && world.now() - start < seconds{10}) {
    (void)world.run([&] { return world.connections() != 0; }, seconds{2});
    world.kill_connections();
    world.idle_for(milliseconds{30});
  }
  ASSERT_TRUE(world.client().failure());
  EXPECT_EQ(world.client().failure()->code, ErrorCode::kReset);
  EXPECT_LE(world.now() - start, seconds{5});
}

TEST(Exchange, AProxyThatIsRestartedLosesNothing) {
  World world(5, {});
  const auto down = noise(6, 3'000'000);
  world.to_client = down;
  world.to_service = noise(7, 100);
  ASSERT_TRUE(world.run([&] { return world.at_client.size() > 1'000'000; }));
  world.refuse_dials(true);
  world.kill_connections();
  world.idle_for(seconds{2});
  world.refuse_dials(false);
  EXPECT_TRUE(world.run([&] { return world.at_client.size() == down.size(); }));
  EXPECT_TRUE(world.at_client == down);
  EXPECT_FALSE(world.client().failure());
}

TEST(Exchange, AStreamThatStallsIsReplacedWithoutLoss) {
  World world(8, {});
  (void)echo_time(world);
  world.idle_for(seconds{3});
  ASSERT_EQ(world.client().learned().down, Streams::kYes);
  world.box.holds_requests = world.box.holds_answers = true;
  transfer(world, 500'000);
}

// What an earlier exchange learned, when it is still so.
TEST_P(ThroughMiddlebox, WhatIsKnownAlreadyIsUsedAtOnceAndNotTriedAgain) {
  World first(21, GetParam().box);
  (void)echo_time(first);
  (void)first.run([&] {
    const auto& known = first.client().learned();
    return known.up != Streams::kUnknown && known.down != Streams::kUnknown;
  });
  const auto known = first.client().learned();
  World second(22, GetParam().box, known);
  (void)echo_time(second);
  second.idle_for(seconds{3});
  EXPECT_EQ(second.client().learned().down, known.down);
  EXPECT_EQ(second.client().learned().up, known.up);
  // Requests that would only find out again are not sent.
  World third(22, GetParam().box);
  (void)echo_time(third);
  third.idle_for(seconds{3});
  EXPECT_LE(second.requests(), third.requests());
  transfer(second, 1'000'000);
}

// And when it is not: another middlebox in the same place.
TEST_P(ThroughMiddlebox, WhatIsKnownWronglyCostsTimeAndNoOctet) {
  for (const auto down : {Streams::kYes, Streams::kNo})
    for (const auto up : {Streams::kYes, Streams::kNo})
      for (std::uint64_t seed = 30; seed < 34; ++seed) {
        Capabilities wrong;
        wrong.down = down;
        wrong.up = up;
        wrong.keep_alive = seed % 2 == 0;
        wrong.quiet = milliseconds{seed % 3 == 0 ? 60'000 : 1000};
        SCOPED_TRACE("seed " + std::to_string(seed));
        World world(seed, GetParam().box, wrong);
        transfer(world, 300'000);
      }
}

TEST(Exchange, AServiceThatForgotItIsSaidSoByTheService) {
  World world(9, {});
  (void)echo_time(world);
  world.forget_servers();
  ASSERT_TRUE(world.run([&] { return world.client().failure().has_value(); }));
  EXPECT_EQ(world.client().failure()->code, ErrorCode::kClosed);
}

TEST(Exchange, ABarrierThatRefusesDialsIsAnErrorSoon) {
  World world(10, {});
  world.refuse_dials(true);
  world.to_service = noise(1, 10);
  ASSERT_TRUE(world.run([&] { return world.client().failure().has_value(); }, seconds{5}));
  EXPECT_EQ(world.client().failure()->code, ErrorCode::kRefused);
}

TEST(Exchange, AClientThatIsGoneIsNoticedByTheService) {
  World world(11, {});
  (void)echo_time(world);
  world.refuse_dials(true);
  world.kill_connections();
  ASSERT_TRUE(world.run([&] { return world.server()->failure().has_value(); }, seconds{90}));
}

TEST(Exchange, LeaveIsTakenWithTheLastOctets) {
  World world(12, {});
  (void)echo_time(world);
  world.idle_for(seconds{2});
  world.client().write(noise(1, 100));
  world.client().take_leave(world.now(), ErrorCode::kReset);
  ASSERT_TRUE(world.run([&] { return world.server()->failure().has_value(); }, seconds{1}));
  EXPECT_EQ(world.server()->failure()->code, ErrorCode::kReset);
  EXPECT_EQ(world.at_service.size(), 164u);
}

}  // namespace
}  // namespace culvert::exchange
