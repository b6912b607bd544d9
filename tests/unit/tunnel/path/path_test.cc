#include "tunnel/path/path.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace culvert::path {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const SocketAddress kCaller = *SocketAddress::parse("192.0.2.1:1000");
const SocketAddress kAnswerer = *SocketAddress::parse("192.0.2.2:2000");

// Two paths and what is between them, on a clock of its own.
class World {
 public:
  explicit World(unsigned seed) : random_(seed) {
    caller.set_peer(answerer.own_offer(), true);
    answerer.set_peer(caller.own_offer(), false);
  }

  SystemRandom fresh;
  Path caller{fresh}, answerer{fresh};
  double loss = 0;
  bool there = true, back = true;  // caller to answerer, and back
  std::size_t widest = 1500;
  Duration delay = milliseconds{20};
  bool tell = true;                      // the session passes on what was seen
  std::map<std::uint32_t, int> arrived;  // stream: how often
  std::size_t packets = 0;

  void probe() {
    caller.probe({{{0, kAnswerer}}}, now);
    answerer.probe({{{0, kCaller}}}, now);
  }
  void run(Duration time) {
    const auto end = now + time;
    while (now < end) {
      now += milliseconds{1};
      for (auto* const path : {&caller, &answerer}) {
        if (const auto due = path->next_deadline(); due && *due <= now) path->tick(now);
        collect(*path);
      }
      while (!flying_.empty() && flying_.begin()->first <= now) {
        auto one = std::move(flying_.begin()->second);
        flying_.erase(flying_.begin());
        deliver(one);
      }
    }
  }
  TimePoint now{seconds{1}};

 private:
  struct Flying {
    bool to_answerer;
    SocketAddress from;
    ByteVector octets;
    std::optional<std::uint64_t> seen;
  };
  void collect(Path& path) {
    const bool to_answerer = &path == &caller;
    for (auto& packet : path.take_output()) {
      ++packets;
      const bool open = to_answerer ? there : back;
      const bool reaches = packet.route.peer == (to_answerer ? kAnswerer : kCaller);
      if (!open || !reaches || packet.octets.size() > widest ||
          std::uniform_real_distribution<>(0, 1)(random_) < loss)
        continue;
      flying_.emplace(
          now + delay,
          Flying{to_answerer, to_answerer ? kCaller : kAnswerer, std::move(packet.octets), {}});
    }
    if (const auto counter = path.take_seen(); counter && tell)
      flying_.emplace(now + 2 * delay, Flying{to_answerer, {}, {}, counter});
  }
  void deliver(const Flying& one) {
    auto& path = one.to_answerer ? answerer : caller;
    if (one.seen) return path.seen(*one.seen, now);
    if (const auto datagram = path.receive(one.octets, {0, one.from}, now))
      ++arrived[datagram->stream];
    collect(path);
  }

  std::mt19937 random_;
  std::multimap<TimePoint, Flying> flying_;
};

TEST(Path, ComesUpBothWaysWithinTwoRoundTripsAndCarriesDatagrams) {
  World world(1);
  world.probe();
  world.run(milliseconds{85});
  ASSERT_TRUE(world.caller.up() && world.answerer.up());
  EXPECT_EQ(world.caller.route().peer, kAnswerer);
  EXPECT_EQ(world.caller.most_octets(), Path::kLarge);
  world.caller.send(4, as_bytes("hello"), world.now);
  world.answerer.send(5, as_bytes("hello"), world.now);
  world.run(milliseconds{50});
  EXPECT_EQ(world.arrived, (std::map<std::uint32_t, int>{{4, 1}, {5, 1}}));
  EXPECT_GE(world.caller.round_trip(), milliseconds{40});
}

TEST(Path, ThatIsNarrowCarriesShorterDatagramsAndOneThatIsTooNarrowNone) {
  World world(1);
  world.widest = 1300;
  world.probe();
  world.run(seconds{1});
  EXPECT_TRUE(world.caller.up());
  EXPECT_EQ(world.caller.most_octets(), Path::kProof);
  World narrow(1);
  narrow.widest = 1000;
  narrow.probe();
  narrow.run(seconds{6});
  EXPECT_EQ(narrow.caller.state(), Path::State::kResting);
}

TEST(Path, WhereNothingPassesRestsAndAsksForNoMoreTime) {
  World world(1);
  world.there = false;
  world.back = false;
  world.probe();
  world.run(seconds{6});
  EXPECT_EQ(world.caller.state(), Path::State::kResting);
  EXPECT_EQ(world.caller.ended(), Path::Ended::kNothingFound);
  EXPECT_FALSE(world.caller.next_deadline());
  EXPECT_LT(world.packets, 40u);
}

TEST(Path, OfOneDirectionIsUpForThatOneAlone) {
  World world(1);
  world.back = false;
  world.probe();
  world.run(seconds{2});
  EXPECT_TRUE(world.caller.up());
  EXPECT_FALSE(world.answerer.up());
  for (int i = 0; i < 100; ++i) {
    world.caller.send(1, as_bytes("voice"), world.now);
    world.run(milliseconds{20});
  }
  EXPECT_TRUE(world.caller.up()) << "the session tells that it arrives";
  world.run(milliseconds{20});
  EXPECT_EQ(world.arrived[1], 100);
}

TEST(Path, ThatDiesInUseIsNoticedInTime) {
  World world(1);
  world.probe();
  world.run(milliseconds{200});
  for (int i = 0; i < 50; ++i) {
    world.caller.send(1, as_bytes("voice"), world.now);
    world.run(milliseconds{20});
  }
  world.run(milliseconds{30});
  EXPECT_EQ(world.arrived[1], 50);
  world.there = false;
  const auto died = world.now;
  while (world.caller.up() && world.now < died + seconds{2}) {
    world.caller.send(2, as_bytes("voice"), world.now);
    world.run(milliseconds{20});
  }
  EXPECT_LE(world.now - died, milliseconds{450}) << "300 ms behind the first probe that is lost";
  EXPECT_EQ(world.caller.ended(), Path::Ended::kSilent);
}

TEST(Path, UnusedIsKeptForAWhileAndThenCostsNothing) {
  World world(1);
  world.probe();
  world.run(seconds{1});
  const auto before = world.packets;
  world.run(seconds{43});
  EXPECT_TRUE(world.caller.up());
  EXPECT_LE(world.packets - before, 12u) << "a probe and its answer each way every 15 s";
  world.run(seconds{3});
  EXPECT_EQ(world.caller.ended(), Path::Ended::kIdle);
  EXPECT_FALSE(world.caller.next_deadline());
  EXPECT_FALSE(world.answerer.next_deadline());
  world.probe();
  world.run(milliseconds{200});
  EXPECT_TRUE(world.caller.up()) << "and comes back";
}

TEST(Path, TakesNothingFromBeforeAndIsNotReusedWhenThePeerBeganAnew) {
  World world(1);
  world.probe();
  world.run(milliseconds{200});
  ASSERT_TRUE(world.caller.up());
  SystemRandom random;
  const Path another(random);
  world.caller.set_peer(another.own_offer(), true);
  EXPECT_FALSE(world.caller.up());
  world.answerer.send(1, as_bytes("late"), world.now);
  world.run(milliseconds{100});
  EXPECT_TRUE(world.arrived.empty());
}

TEST(Path, AnswersNothingButGenuineProbesAndNeverMoreThanCame) {
  World world(1);
  world.run(milliseconds{5});
  std::mt19937 random(7);
  for (int i = 0; i < 1000; ++i) {
    ByteVector junk(random() % 200);
    for (auto& octet : junk) octet = static_cast<std::byte>(random());
    if (junk.size() > 5) junk[0] = std::byte{4};
    EXPECT_FALSE(world.caller.receive(junk, {0, kAnswerer}, world.now));
  }
  EXPECT_TRUE(world.caller.take_output().empty());
  world.answerer.probe({{{0, kCaller}}}, world.now);
  const auto probes = world.answerer.take_output();
  ASSERT_EQ(probes.size(), 1u);
  (void)world.caller.receive(probes[0].octets, {0, kAnswerer}, world.now);
  (void)world.caller.receive(probes[0].octets, {0, kAnswerer}, world.now);
  const auto answers = world.caller.take_output();
  ASSERT_EQ(answers.size(), 1u) << "a repeated one is not answered";
  EXPECT_LE(answers[0].octets.size(), probes[0].octets.size());
}

class Lossy : public testing::TestWithParam<unsigned> {};

TEST_P(Lossy, NoDatagramArrivesTwiceAndALittleLossEndsNoPath) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  World world(GetParam());
  world.loss = 0.1;
  world.probe();
  world.run(seconds{3});
  ASSERT_TRUE(world.caller.up() && world.answerer.up());
  std::uint32_t sent = 0;
  for (int i = 0; i < 500; ++i) {
    if (world.caller.up()) world.caller.send(++sent, as_bytes("voice"), world.now);
    world.run(milliseconds{20});
  }
  EXPECT_GT(sent, 450u);
  EXPECT_GT(world.arrived.size(), 380u);
  for (const auto& [stream, times] : world.arrived) EXPECT_EQ(times, 1) << stream;
}

INSTANTIATE_TEST_SUITE_P(Seeds, Lossy, testing::Range(0u, 10u));

TEST(Path, ProbesEachOfABurstTwiceUntilThePeerComesThroughAtOne) {
  World world(1);
  world.there = false;
  std::vector<Target> burst;
  for (std::uint16_t port = 1990; port < 2040; ++port)
    burst.push_back({{0, {kAnswerer.ip, port}}, /*once=*/true});
  world.caller.probe(burst, world.now);
  world.run(seconds{1});
  EXPECT_EQ(world.packets, 2 * burst.size());
  ASSERT_EQ(world.caller.state(), Path::State::kProbing);
  EXPECT_FALSE(world.caller.heard_on(0));
  world.there = true;
  world.answerer.probe({{{0, kCaller}}}, world.now);
  world.run(milliseconds{120});
  ASSERT_TRUE(world.caller.up());
  EXPECT_EQ(world.caller.route().peer, kAnswerer);
  EXPECT_TRUE(world.caller.heard_on(0));
}

TEST(Path, SendsOpenersAtOnceAndProbesLaterOrWhereThePeerCameIn) {
  World world(1);
  world.answerer.probe({{{0, kCaller}}}, world.now, Path::kRound, milliseconds{200});
  const auto openers = world.answerer.take_output();
  ASSERT_EQ(openers.size(), 1u);
  EXPECT_TRUE(openers[0].opener);
  world.run(milliseconds{190});
  EXPECT_EQ(world.packets, 0u) << "it waits";
  world.run(milliseconds{20});
  EXPECT_EQ(world.packets, 1u) << "and does not wait for ever";

  World other(2);
  other.answerer.probe({{{0, kCaller}}}, other.now, Path::kRound, seconds{4});
  (void)other.answerer.take_output();
  other.caller.probe({{{0, kAnswerer}}}, other.now);
  other.run(milliseconds{300});
  EXPECT_TRUE(other.caller.up() && other.answerer.up()) << "the caller's probe was enough";
}

TEST(Path, ForgetsWithANewRoundWhichSocketsHeardThePeer) {
  World world(1);
  world.there = false;
  world.probe();
  world.run(Duration{Path::kRound} + seconds{1});
  ASSERT_TRUE(world.caller.heard_on(0));
  world.back = false;
  world.run(seconds{1});
  world.probe();
  EXPECT_FALSE(world.caller.heard_on(0));
}

TEST(Path, SpreadsABurstOverTimeAndEndsItWhenSomethingIsFound) {
  World world(1);
  std::vector<Target> many;
  for (std::uint16_t port = 10'000; port < 11'000; ++port)
    many.push_back({{0, {kAnswerer.ip, port}}, /*once=*/true});
  world.caller.probe(many, world.now);
  world.run(milliseconds{50});
  EXPECT_NEAR(static_cast<double>(world.packets), 50 * Path::kPace, 2 * Path::kPace);
  EXPECT_TRUE(world.caller.searching());
  world.caller.add_targets({{{0, kAnswerer}}}, world.now);
  world.run(milliseconds{45});
  EXPECT_FALSE(world.caller.searching());
  const auto before = world.packets;
  world.run(milliseconds{500});
  EXPECT_LE(world.packets - before, 10u);
}

}  // namespace
}  // namespace culvert::path
