// The behaviour test against the real responder, through simulated NATs that also lose datagrams.
#include "tunnel/stun/behaviour.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "tests/unit/tunnel/seeded_random.h"
#include "tunnel/stun/responder.h"

namespace culvert::stun {
namespace {

using enum Dependence;

// One inside socket; maps and filters as it is told to.
class Nat {
 public:
  Nat(Dependence mapping, Dependence filtering) : mapping_(mapping), filtering_(filtering) {}

  SocketAddress outside(const SocketAddress& to) {
    sent_.insert(to);
    const auto key = mapping_ == kEndpointIndependent ? SocketAddress{}
                     : mapping_ == kAddressDependent  ? SocketAddress{to.ip, 0}
                                                      : to;
    const auto port = static_cast<std::uint16_t>(30'000 + ports_.size());
    return {IpAddress::v4(0xc0000207), ports_.try_emplace(key, port).first->second};
  }
  bool lets_in(const SocketAddress& from) const {
    for (const auto& to : sent_) {
      if (filtering_ == kEndpointIndependent) return true;
      if (filtering_ == kAddressDependent ? to.ip == from.ip : to == from) return true;
    }
    return false;
  }

 private:
  Dependence mapping_, filtering_;
  std::map<SocketAddress, std::uint16_t> ports_;
  std::set<SocketAddress> sent_;
};

Behaviour run(Nat nat, unsigned seed, unsigned lost_of_ten = 0, std::size_t addresses = 2) {
  Servers servers{{IpAddress::v4(0xc6336401), IpAddress::v4(0xc6336402)}, {3478, 3479}};
  servers.addresses.resize(addresses);
  Responder responder(servers);
  SeededRandom random(seed);
  std::mt19937 rng(seed);
  BehaviourTest test(servers.at({}), random);
  TimePoint now{std::chrono::seconds{1000}};
  const auto lost = [&] { return rng() % 10 < lost_of_ten; };
  for (int turn = 0; turn < 200 && !test.done(); ++turn) {
    while (const auto datagram = test.next(now)) {
      const auto seen = nat.outside(datagram->to);
      if (lost()) continue;
      for (const Door door : {Door{0, 0}, Door{0, 1}, Door{1, 0}, Door{1, 1}}) {
        if (door.address >= addresses || servers.at(door) != datagram->to) continue;
        const auto answer = responder.answer_datagram(datagram->message, seen, door, now);
        EXPECT_TRUE(answer && answer->message.size() <= datagram->message.size());
        const auto from = servers.at(answer->from);
        if (!lost() && nat.lets_in(from)) test.receive(answer->message, from, now);
      }
    }
    if (const auto next = test.next_deadline()) now = std::max(now, *next);
  }
  EXPECT_TRUE(test.done());
  return test.result();
}

TEST(Behaviour, IsFoundOutForEveryKindOfNat) {
  for (const auto mapping : {kEndpointIndependent, kAddressDependent, kAddressAndPortDependent})
    for (const auto filtering :
         {kEndpointIndependent, kAddressDependent, kAddressAndPortDependent}) {
      const auto found = run(Nat(mapping, filtering), 1);
      EXPECT_TRUE(found.udp);
      EXPECT_EQ(found.mapping, mapping) << to_string(mapping);
      EXPECT_EQ(found.filtering, filtering) << to_string(filtering);
    }
}

class BehaviourLoss : public testing::TestWithParam<unsigned> {};

TEST_P(BehaviourLoss, NeverTakesALooseBarrierForMoreThanItIs) {
  const auto found = run(Nat(kEndpointIndependent, kAddressAndPortDependent), GetParam(), 3);
  EXPECT_TRUE(!found.udp || found.filtering == kUnknown ||
              found.filtering == kAddressAndPortDependent);
  EXPECT_NE(found.mapping, kAddressDependent);
}
INSTANTIATE_TEST_SUITE_P(Seeds, BehaviourLoss, testing::Range(0u, 50u));

TEST(Behaviour, WithoutAnswersUdpDoesNotPass) {
  const auto found = run(Nat(kEndpointIndependent, kEndpointIndependent), 1, 10);
  EXPECT_EQ(found, Behaviour{});
}

TEST(Behaviour, OneServerAddressTellsOnlyWhereWeAreSeen) {
  const auto found = run(Nat(kEndpointIndependent, kEndpointIndependent), 1, 0, 1);
  EXPECT_TRUE(found.udp && found.mapped);
  EXPECT_EQ(found.mapping, kUnknown);
}

TEST(Behaviour, ForeignAndForgedAnswersChangeNothing) {
  SeededRandom random(1);
  const SocketAddress server{IpAddress::v4(0xc6336401), 3478};
  BehaviourTest test(server, random);
  const TimePoint now{std::chrono::seconds{1}};
  const auto datagram = test.next(now);
  ASSERT_TRUE(datagram);
  Response forged;
  forged.id = decode_request(datagram->message)->id;
  forged.mapped = server;
  test.receive(encode(forged), {server.ip, 9}, now);
  EXPECT_FALSE(test.result().udp) << "from elsewhere";
  forged.id[8] ^= std::byte{1};
  test.receive(encode(forged), server, now);
  EXPECT_FALSE(test.result().udp) << "of another request";
}

}  // namespace
}  // namespace culvert::stun
