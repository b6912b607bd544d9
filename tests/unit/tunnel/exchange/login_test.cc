// An exchange through a proxy that wants to know who asks.
#include "exchange_world.h"

namespace culvert::exchange {
namespace {

struct Case {
  const char* name;
  Asks asks;
  bool closes;
};
const Case kCases[] = {
    {"EachRequest", Asks::kEachRequest, false},
    {"EachRequestAndCloses", Asks::kEachRequest, true},
    {"FiveRequests", Asks::kFiveRequests, false},
    {"Connection", Asks::kConnection, false},
};

class ThroughGate : public testing::TestWithParam<std::tuple<Case, int>> {
 protected:
  Middlebox box() const {
    Middlebox out;
    out.asks = std::get<0>(GetParam()).asks;
    out.gate_closes = std::get<0>(GetParam()).closes;
    return out;
  }
  std::uint64_t seed() const { return static_cast<std::uint64_t>(std::get<1>(GetParam())); }
};
INSTANTIATE_TEST_SUITE_P(Gates, ThroughGate,
                         testing::Combine(testing::ValuesIn(kCases), testing::Range(0, 8)),
                         [](const auto& one) {
                           return std::string(std::get<0>(one.param).name) +
                                  std::to_string(std::get<1>(one.param));
                         });

ByteVector noise(std::uint64_t seed, std::size_t size) {
  SeededRandom random(seed);
  ByteVector out(size);
  random.fill(out);
  return out;
}

TEST_P(ThroughGate, EveryOctetArrivesOnceAndInOrder) {
  auto one = box();
  one.holds_requests = seed() & 1;
  one.holds_answers = seed() & 2;
  one.cut = seed() & 4 ? 100 : 64 * 1024;
  World world(seed(), one);
  const auto up = noise(1, 900'000), down = noise(2, 1'200'077);
  world.to_service = up;
  world.to_client = down;
  EXPECT_TRUE(world.run(
      [&] { return world.at_service.size() == up.size() && world.at_client.size() == down.size(); },
      seconds{60}))
      << world.at_service.size() << " up, " << world.at_client.size() << " down"
      << (world.client().failure() ? ", " + world.client().failure()->detail : "");
  EXPECT_TRUE(world.at_service == up);
  EXPECT_TRUE(world.at_client == down);
  world.idle_for(seconds{120});
  EXPECT_FALSE(world.client().failure());
  EXPECT_LE(world.login().lanes(), Client::kMaxLanes) << "lanes that are gone are remembered";
}

TEST_P(ThroughGate, StreamsPassAndAreNotGivenUp) {
  World world(seed(), box());
  for (int i = 0; i < 100; ++i) {
    const auto start = world.now();
    const auto up = world.at_service.size() + 64, down = world.at_client.size() + 64;
    world.to_service = noise(3, 64);
    ASSERT_TRUE(world.run([&] { return world.at_service.size() == up; })) << i;
    world.to_client = noise(4, 64);
    ASSERT_TRUE(world.run([&] { return world.at_client.size() == down; })) << i;
    if (i >= 10) {
      EXPECT_LE(world.now() - start, milliseconds{90}) << i;
    }
    world.idle_for(milliseconds{300});
  }
  EXPECT_EQ(world.client().learned().up, Streams::kYes);
  EXPECT_EQ(world.client().learned().down, Streams::kYes);
}

TEST_P(ThroughGate, AWrongWordIsSaidOnce) {
  auto one = box();
  one.wrong_word = true;
  World world(seed(), one);
  world.to_service = noise(1, 100);
  ASSERT_TRUE(world.run([&] { return world.client().failure().has_value(); }, seconds{10}));
  EXPECT_EQ(world.client().failure()->code, ErrorCode::kAuthentication);
  EXPECT_EQ(world.server(), nullptr) << "nothing passed";
  EXPECT_LE(world.refusals(), 8u);
}

}  // namespace
}  // namespace culvert::exchange
