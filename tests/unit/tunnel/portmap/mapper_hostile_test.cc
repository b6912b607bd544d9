// Answers that the gateway never gave, or that it gives to harm.
#include <gtest/gtest.h>

#include "fake_gateway.h"
#include "tunnel/base/byte_codec.h"

namespace culvert::portmap {
namespace {

using namespace std::chrono_literals;

constexpr Port kTcp{Protocol::kTcp, 7443};

// Asks by PCP, and has got no answer yet.
struct Waiting : FakeGateway {
  Waiting() {
    mapper.want(kTcp, now);
    mapper.set_network(network, now);
    run_for(1ms);
    mapper.receive(answer_pcp(encode_pcp_announce(network.own)), server(), now);
    run_for(1ms);
  }
};

TEST(HostileAnswers, OneThatIsTrueIsTakenSoTheOthersTestSomething) {
  Waiting gateway;
  ASSERT_TRUE(gateway.last_pcp_map);
  gateway.mapper.receive(gateway.answer_pcp(*gateway.last_pcp_map), gateway.server(), gateway.now);
  EXPECT_TRUE(gateway.mapping(kTcp));
}

TEST(HostileAnswers, AnotherAddressOrPortIsNotTheGateway) {
  Waiting gateway;
  const auto answer = gateway.answer_pcp(*gateway.last_pcp_map);
  gateway.mapper.receive(answer, {IpAddress::v4(0x0a010003), kServerPort}, gateway.now);
  gateway.mapper.receive(answer, {gateway.network.gateway, 5350}, gateway.now);
  EXPECT_FALSE(gateway.mapping(kTcp));
}

TEST(HostileAnswers, WhoDoesNotKnowTheNonceChangesNothing) {
  Waiting gateway;
  auto answer = gateway.answer_pcp(*gateway.last_pcp_map);
  answer[24] ^= std::byte{1};
  gateway.mapper.receive(answer, gateway.server(), gateway.now);
  EXPECT_FALSE(gateway.mapping(kTcp));
  answer = gateway.answer_pcp(*gateway.last_pcp_map);
  answer[41] ^= std::byte{1};  // another port
  gateway.mapper.receive(answer, gateway.server(), gateway.now);
  EXPECT_FALSE(gateway.mapping(kTcp));
}

TEST(HostileAnswers, AnErrorOfSomebodyElseDoesNotEndTheQuestion) {
  Waiting gateway;
  gateway.pcp_result = 2;
  auto error = gateway.answer_pcp(*gateway.last_pcp_map);
  gateway.pcp_result = 0;
  error[24] ^= std::byte{1};
  gateway.mapper.receive(error, gateway.server(), gateway.now);
  gateway.mapper.receive(gateway.answer_pcp(*gateway.last_pcp_map), gateway.server(), gateway.now);
  EXPECT_TRUE(gateway.mapping(kTcp));
}

TEST(HostileAnswers, UselessGrantsAreRefused) {
  for (const std::uint32_t lifetime : {0u, 1u, 59u}) {
    Waiting gateway;
    gateway.lifetime = lifetime;
    gateway.mapper.receive(gateway.answer_pcp(*gateway.last_pcp_map), gateway.server(),
                           gateway.now);
    EXPECT_FALSE(gateway.mapping(kTcp)) << lifetime;
  }
  Waiting gateway;
  gateway.lifetime = 0xffffffff;
  gateway.mapper.receive(gateway.answer_pcp(*gateway.last_pcp_map), gateway.server(), gateway.now);
  ASSERT_TRUE(gateway.mapping(kTcp));
  EXPECT_LE(gateway.mapping(kTcp)->expires_at, gateway.now + 24h);
}

TEST(HostileAnswers, UnaskedMappingsOfNatPmpAreIgnored) {
  Waiting gateway;  // asks by PCP
  gateway.mapper.receive(from_hex("008000000000007bc6336407"), gateway.server(), gateway.now);
  gateway.mapper.receive(from_hex("008200000000007b1d139c4000001c20"), gateway.server(),
                         gateway.now);
  EXPECT_FALSE(gateway.mapping(kTcp));
}

TEST(HostileAnswers, AClockThatJumpsMakesNoStormOfQuestions) {
  FakeGateway gateway;
  gateway.speaks = {Method::kPcp};
  gateway.mapper.want(kTcp, gateway.now);
  gateway.mapper.want({Protocol::kUdp, 7443}, gateway.now);
  gateway.mapper.set_network(gateway.network, gateway.now);
  gateway.run_for(1s);
  const auto before = gateway.asked;
  for (int i = 0; i < 10'000; ++i) {
    gateway.restart();
    if (i % 2 == 0) gateway.now += 1s;
    gateway.announce(i % 3 == 0 ? Method::kNatPmp : Method::kPcp);
    gateway.run_for(10ms);
  }
  // 5100 simulated seconds: two ports, every ten seconds at most.
  EXPECT_LE(gateway.asked - before, 2 * 5100u / 10 + 20);
}

TEST(HostileAnswers, TheDescriptionOfAnotherMachineIsNeverAskedFor) {
  FakeGateway gateway;
  gateway.mapper.want(kTcp, gateway.now);
  gateway.mapper.set_network(gateway.network, gateway.now);
  gateway.run_for(300ms);
  for (const char* host : {"10.1.0.9", "127.0.0.1", "192.0.2.1"}) {
    const auto text =
        std::string(
            "HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n"
            "LOCATION: http://") +
        host + ":80/x\r\n\r\n";
    gateway.mapper.receive(as_bytes(text), {gateway.network.gateway, 1900}, gateway.now);
  }
  gateway.run_for(3s);
  EXPECT_FALSE(gateway.mapper.take_task(gateway.now));
  EXPECT_FALSE(gateway.mapping(kTcp));
}

class Garbage : public testing::TestWithParam<unsigned> {};

TEST_P(Garbage, ChangesNothingAndEndsNothing) {
  std::mt19937 rng(GetParam());
  Waiting gateway;
  for (int i = 0; i < 2000; ++i) {
    ByteVector octets(rng() % 80);
    for (auto& octet : octets) octet = static_cast<std::byte>(rng());
    if (octets.size() > 1 && rng() % 2 == 0) {
      octets[0] = static_cast<std::byte>(rng() % 2 * 2);
      octets[1] = static_cast<std::byte>(0x80 + rng() % 3);
    }
    gateway.mapper.receive(octets, gateway.server(), gateway.now);
    gateway.mapper.tick(gateway.now);
  }
  EXPECT_FALSE(gateway.mapping(kTcp));
  gateway.speaks = {Method::kPcp};
  gateway.run_for(3s);
  EXPECT_TRUE(gateway.mapping(kTcp)) << gateway.why(kTcp);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Garbage, testing::Range(0u, 20u));

}  // namespace
}  // namespace culvert::portmap
