#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tunnel/path/path.h"

namespace culvert::path {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

SocketAddress at(const char* text) { return *SocketAddress::parse(text); }

const SocketAddress kCaller = at("192.0.2.1:1000"), kCallersNew = at("192.0.2.1:1001");
const SocketAddress kAnswerer = at("192.0.2.2:2000"), kAnswerersNew = at("192.0.2.2:2001");
const SocketAddress kCallerSix = at("[2001:db8::1]:1000"), kAnswererSix = at("[2001:db8::2]:2000");

// Two paths with several sockets each, known outside by addresses that may die.
class Routes {
 public:
  explicit Routes(unsigned seed = 1) : random_(seed) {
    caller.set_peer(answerer.own_offer(), true);
    answerer.set_peer(caller.own_offer(), false);
  }

  SystemRandom fresh;
  Path caller{fresh}, answerer{fresh};
  // Outside; IPv6 of socket 0 has the number 10 here.
  std::map<std::size_t, SocketAddress> callers{{0, kCaller}, {1, kCallersNew}, {10, kCallerSix}};
  std::map<std::size_t, SocketAddress> answerers{
      {0, kAnswerer}, {1, kAnswerersNew}, {10, kAnswererSix}};
  std::map<IpAddress, Duration> delays;  // else 20 ms
  std::size_t widest = 1500;             // of IP packets
  double loss = 0;
  std::map<std::uint32_t, int> arrived;
  TimePoint now{seconds{1}};

  void run(Duration time) {
    for (const auto end = now + time; now < end;) {
      now += milliseconds{1};
      for (auto* const path : {&caller, &answerer}) {
        if (const auto due = path->next_deadline(); due && *due <= now) path->tick(now);
        collect(*path);
      }
      while (!flying_.empty() && flying_.begin()->first <= now) {
        const auto one = std::move(flying_.begin()->second);
        flying_.erase(flying_.begin());
        deliver(one);
      }
    }
  }
  void talk(Duration time) {
    for (const auto end = now + time; now < end; run(milliseconds{10})) {
      if (caller.up()) caller.send(++sent_, as_bytes("there"), now);
      if (answerer.up()) answerer.send(++sent_, as_bytes("back"), now);
    }
  }
  std::uint32_t sent() const { return sent_; }

 private:
  struct Flying {
    bool to_answerer;
    SocketAddress from, to;
    ByteVector octets;
  };
  static std::size_t headers(const SocketAddress& to) { return to.ip.is_v4() ? 28 : 48; }
  void collect(Path& path) {
    const bool to_answerer = &path == &caller;
    const auto& own = to_answerer ? callers : answerers;
    for (auto& packet : path.take_output()) {
      const bool six = !packet.route.peer.ip.is_v4();
      const auto from = own.find(packet.route.socket + (six ? 10 : 0));
      if (from == own.end() || packet.octets.size() + headers(packet.route.peer) > widest ||
          std::uniform_real_distribution<>(0, 1)(random_) < loss)
        continue;
      const auto delay = delays.find(packet.route.peer.ip);
      flying_.emplace(now + (delay == delays.end() ? Duration{milliseconds{20}} : delay->second),
                      Flying{to_answerer, from->second, packet.route.peer, packet.octets});
    }
  }
  void deliver(const Flying& one) {
    auto& path = one.to_answerer ? answerer : caller;
    for (const auto& [socket, outside] : one.to_answerer ? answerers : callers) {
      if (outside != one.to) continue;
      if (const auto datagram = path.receive(one.octets, {socket % 10, one.from}, now))
        ++arrived[datagram->stream];
      return collect(path);
    }
  }

  std::mt19937 random_;
  std::multimap<TimePoint, Flying> flying_;
  std::uint32_t sent_ = 0;
};

void come_up(Routes& world) {
  world.caller.probe({{{0, kAnswerer}}}, world.now);
  world.answerer.probe({{{0, kCaller}}}, world.now);
  world.run(milliseconds{200});
  ASSERT_TRUE(world.caller.up() && world.answerer.up());
}

class Beside : public testing::TestWithParam<unsigned> {};

TEST_P(Beside, BothMoveToNewSocketsAndNoDatagramIsLostThoughTheOldMappingsEnd) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  Routes world(GetParam());
  come_up(world);
  world.talk(milliseconds{300});
  world.caller.probe_beside({{{1, kAnswerersNew}}}, world.now);
  world.answerer.probe_beside({{{1, kCallersNew}}}, world.now);
  world.talk(milliseconds{400});
  EXPECT_EQ(world.caller.route(), (Route{1, kAnswerersNew}));
  EXPECT_EQ(world.answerer.route(), (Route{1, kCallersNew}));
  EXPECT_FALSE(world.caller.looks_beside());
  EXPECT_EQ(world.caller.most_octets(), Path::kLarge);
  world.callers.erase(0);
  world.answerers.erase(0);
  world.talk(seconds{2});
  EXPECT_TRUE(world.caller.up() && world.answerer.up());
  world.run(milliseconds{100});
  EXPECT_EQ(world.arrived.size(), world.sent());
  for (const auto& [stream, times] : world.arrived) EXPECT_EQ(times, 1) << stream;
}

INSTANTIATE_TEST_SUITE_P(Seeds, Beside, testing::Range(0u, 8u));

TEST(PathBeside, WithLossItMovesAllTheSameOrStays) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Routes world(seed);
    come_up(world);
    world.loss = 0.3;
    world.caller.probe_beside({{{1, kAnswerersNew}}}, world.now);
    world.answerer.probe_beside({{{1, kCallersNew}}}, world.now);
    world.talk(seconds{6});
    EXPECT_FALSE(world.caller.looks_beside());
    EXPECT_FALSE(world.answerer.looks_beside());
  }
}

// Where the peer's new address is known to nobody beforehand, its probe tells.
TEST(PathBeside, APeerBehindATranslatorIsFoundByItsProbes) {
  Routes world;
  come_up(world);
  world.caller.probe_beside({{{1, kAnswerersNew}}}, world.now);
  world.answerer.probe_beside({{{1, at("203.0.113.9:9")}}}, world.now);
  world.talk(milliseconds{400});
  EXPECT_EQ(world.answerer.route(), (Route{1, kCallersNew}));
  EXPECT_EQ(world.caller.route(), (Route{1, kAnswerersNew}));
}

TEST(PathBeside, APeerWhoseTranslatorForgetsItIsFollowedAtOnce) {
  for (const auto delay : {5, 20, 60}) {
    Routes world;
    come_up(world);
    for (const auto& one : {kCaller, kAnswerer}) world.delays[one.ip] = milliseconds{delay};
    world.talk(seconds{3});  // the round trip is known
    world.run(milliseconds{200});
    const auto before = world.arrived.size();
    world.callers = {{0, kCallersNew}};
    world.talk(seconds{1});
    EXPECT_TRUE(world.caller.up() && world.answerer.up()) << delay;
    EXPECT_EQ(world.answerer.route(), (Route{0, kCallersNew}));
    world.run(milliseconds{200});
    EXPECT_GE(world.arrived.size() - before, 100u + 60u) << "of 100 each way, " << delay;
    EXPECT_FALSE(world.answerer.looks_beside());
  }
}

TEST(PathBeside, WhereNothingIsFoundThePathStaysAndIsNoSilentOne) {
  Routes world;
  come_up(world);
  world.caller.probe_beside({{{1, at("203.0.113.9:9")}}}, world.now);
  world.talk(seconds{6});
  EXPECT_TRUE(world.caller.up());
  EXPECT_FALSE(world.caller.looks_beside());
  EXPECT_EQ(world.caller.route(), (Route{0, kAnswerer}));
  world.run(milliseconds{100});
  EXPECT_EQ(world.arrived.size(), world.sent());
}

TEST(PathBeside, ThatIsNotUpDoesNotLook) {
  Routes world;
  world.caller.probe_beside({{{1, kAnswerersNew}}}, world.now);
  EXPECT_FALSE(world.caller.looks_beside());
  EXPECT_TRUE(world.caller.take_output().empty());
}

// IPv4 by translators on both sides, and IPv6.
void probe_both(Routes& world) {
  world.caller.probe({{{0, kAnswerer}, false, 3}, {{0, kAnswererSix}, false, 1}}, world.now);
  world.answerer.probe({{{0, kCaller}, false, 3}, {{0, kCallerSix}, false, 1}}, world.now);
}

TEST(PathRank, OfTwoThatAnswerTheBetterIsTakenThoughItIsABitSlower) {
  Routes world;
  world.delays[kAnswererSix.ip] = world.delays[kCallerSix.ip] = milliseconds{30};
  probe_both(world);
  world.run(milliseconds{300});
  ASSERT_TRUE(world.caller.up() && world.answerer.up());
  EXPECT_EQ(world.caller.route().peer, kAnswererSix);
  EXPECT_EQ(world.answerer.route().peer, kCallerSix);
  EXPECT_EQ(world.caller.most_octets(), Path::kLargeSix);
}

TEST(PathRank, TheOtherIsTakenWhereTheBetterDoesNotAnswerOrMuchLater) {
  Routes silent;
  silent.callers.erase(10);
  probe_both(silent);
  silent.run(milliseconds{100});
  ASSERT_TRUE(silent.caller.up());
  EXPECT_EQ(silent.caller.route().peer, kAnswerer);
  Routes slow;
  slow.delays[kAnswererSix.ip] = slow.delays[kCallerSix.ip] = milliseconds{200};
  probe_both(slow);
  slow.run(milliseconds{100});
  ASSERT_TRUE(slow.caller.up());
  EXPECT_EQ(slow.caller.route().peer, kAnswerer);
  slow.run(seconds{1});
  EXPECT_EQ(slow.caller.route().peer, kAnswerer) << "it stays where it is";
}

TEST(PathRank, OfIpv6ALinkOf1280OctetsIsWideEnough) {
  Routes world;
  world.widest = 1280;
  world.caller.probe({{{0, kAnswererSix}}}, world.now);
  world.answerer.probe({{{0, kCallerSix}}}, world.now);
  world.run(milliseconds{300});
  ASSERT_TRUE(world.caller.up());
  EXPECT_EQ(world.caller.most_octets(), Path::kProofSix);
}

}  // namespace
}  // namespace culvert::path
