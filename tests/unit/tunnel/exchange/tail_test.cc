// A middlebox that lets octets of a body pass before its end, but small ones late.
#include "exchange_world.h"

namespace culvert::exchange {
namespace {

Duration echo_time(World& world) {
  const auto start = world.now();
  world.at_service.clear();
  world.at_client.clear();
  world.to_service = ByteVector(64);
  EXPECT_TRUE(world.run([&] { return world.at_service.size() == 64; }));
  world.to_client = ByteVector(64);
  EXPECT_TRUE(world.run([&] { return world.at_client.size() == 64; }));
  return world.now() - start;
}

Duration slowest_echo(World& world) {
  (void)echo_time(world);
  world.idle_for(seconds{4});
  Duration slowest{};
  for (int i = 0; i < 8; ++i) {
    slowest = std::max(slowest, echo_time(world));
    world.idle_for(milliseconds{i % 2 == 0 ? 10 : 400});
  }
  return slowest;
}

TEST(ExchangeTail, AnEchoTakesOneRoundTripWherePacketsAreFilled) {
  World world(1, {.packet = 1460});
  EXPECT_LE(slowest_echo(world), milliseconds{41}) << world.client().describe();
  EXPECT_EQ(world.client().learned().down, Streams::kYes);
  EXPECT_EQ(world.client().learned().up, Streams::kYes);
}

TEST(ExchangeTail, WholeRequestsAndAnswersAreUsedWherePaddingDoesNotHelp) {
  World world(2, {.packet = 60'000});
  EXPECT_LE(slowest_echo(world), milliseconds{82}) << world.client().describe();
  EXPECT_EQ(world.client().learned().down, Streams::kNo);
  EXPECT_EQ(world.client().learned().up, Streams::kNo);
}

// Each octet answers the one before: there is no pause but what the middlebox makes.
TEST(ExchangeTail, ThatIsFoundOutWithoutAPause) {
  World world(6, {.packet = 60'000});
  for (int i = 0; i < 20; ++i) (void)echo_time(world);
  for (int i = 0; i < 20; ++i)
    EXPECT_LE(echo_time(world), milliseconds{82}) << world.client().describe();
}

TEST(ExchangeTail, AnEchoInTheFirstSecondIsNotHeldBackEither) {
  World world(3, {.packet = 1460});
  Duration slowest{};
  for (int i = 0; i < 20; ++i) {
    const auto took = echo_time(world);
    if (i > 1) slowest = std::max(slowest, took);
  }
  EXPECT_LE(slowest, milliseconds{82}) << world.client().describe();
}

TEST(ExchangeTail, NothingIsPaddedWhereSmallPiecesPassAtOnce) {
  World world(4, {});
  (void)slowest_echo(world);
  const auto before = world.octets_up();
  for (int i = 0; i < 10; ++i) (void)echo_time(world);
  EXPECT_LE(world.octets_up() - before, 10 * 300u);
}

TEST(ExchangeTail, BulkPassesThereAsElsewhere) {
  World world(5, {.packet = 1460});
  (void)slowest_echo(world);
  const auto start = world.now();
  world.at_service.clear();
  world.at_client.clear();
  world.to_service = ByteVector(3'000'000, std::byte{1});
  world.to_client = ByteVector(3'000'000, std::byte{2});
  EXPECT_TRUE(world.run(
      [&] { return world.at_service.size() == 3'000'000 && world.at_client.size() == 3'000'000; }));
  EXPECT_LE(world.now() - start, seconds{1});
}

struct Marks {
  void come(Mark::Kind kind, int delay) {
    now += seconds{1};
    // The sender's clock is elsewhere, and about to begin anew.
    const auto left = mark_time(now) - mark_time(TimePoint{seconds{1}}) - 2000u;
    punctuality.take({kind, left}, now + milliseconds{delay});
  }
  Punctuality punctuality;
  TimePoint now{seconds{1}};
};

TEST(ExchangePunctuality, OneSmallPieceInTimeMayHaveBeenPushedByWhatFollowed) {
  Marks marks;
  marks.come(Mark::Kind::kWhole, 60);
  EXPECT_EQ(marks.punctuality.passes(), Passes::kUnknown);
  marks.come(Mark::Kind::kBare, 25);
  EXPECT_EQ(marks.punctuality.passes(), Passes::kUnknown);
  marks.come(Mark::Kind::kBare, 25);
  EXPECT_EQ(marks.punctuality.passes(), Passes::kPromptly);
}

TEST(ExchangePunctuality, OneThatWasHeldBackCountsForMore) {
  Marks marks;
  marks.come(Mark::Kind::kPadded, 22);
  marks.come(Mark::Kind::kBare, 225);
  for (int i = 0; i < 4; ++i) marks.come(Mark::Kind::kBare, 25);
  EXPECT_EQ(marks.punctuality.passes(), Passes::kPadded);
  marks.come(Mark::Kind::kBare, 25);
  EXPECT_EQ(marks.punctuality.passes(), Passes::kPromptly) << "it was the machine";
}

TEST(ExchangePunctuality, LateOnesSayWhetherPaddingHelps) {
  Marks marks;
  marks.come(Mark::Kind::kWhole, 20);
  marks.come(Mark::Kind::kPadded, 22);
  marks.come(Mark::Kind::kBare, 220);
  marks.come(Mark::Kind::kBare, 225);
  EXPECT_EQ(marks.punctuality.passes(), Passes::kPadded);
}

TEST(ExchangePunctuality, AStreamIsLateOnlyBesideWholeBodies) {
  Marks marks;
  marks.come(Mark::Kind::kWhole, 400);
  for (int i = 0; i < 2; ++i) {
    marks.come(Mark::Kind::kPadded, 220);
    marks.come(Mark::Kind::kBare, 220);
  }
  EXPECT_EQ(marks.punctuality.passes(), Passes::kPromptly) << "whole bodies take longer";
  marks.come(Mark::Kind::kWhole, 20);
  EXPECT_EQ(marks.punctuality.passes(), Passes::kLate);
}

}  // namespace
}  // namespace culvert::exchange
