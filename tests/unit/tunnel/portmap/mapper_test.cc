// The mapper with gateways that speak this or that, over networks that lose datagrams.
#include "tunnel/portmap/mapper.h"

#include <gtest/gtest.h>

#include "fake_gateway.h"

namespace culvert::portmap {
namespace {

using namespace std::chrono_literals;
using Presence = Mapper::Presence;

constexpr Port kTcp{Protocol::kTcp, 7443}, kUdp{Protocol::kUdp, 7444};

void begin(FakeGateway& gateway, std::set<Method> speaks) {
  gateway.speaks = std::move(speaks);
  gateway.mapper.want(kTcp, gateway.now);
  gateway.mapper.want(kUdp, gateway.now);
  gateway.mapper.set_network(gateway.network, gateway.now);
}

TEST(Mapper, TakesTheBestThatTheGatewaySpeaks) {
  const std::pair<std::set<Method>, Method> cases[] = {
      {{Method::kPcp, Method::kNatPmp, Method::kUpnp}, Method::kPcp},
      {{Method::kNatPmp, Method::kUpnp}, Method::kNatPmp},
      {{Method::kUpnp}, Method::kUpnp},
  };
  for (const auto& [speaks, best] : cases) {
    FakeGateway gateway;
    gateway.first_port = 40000;
    begin(gateway, speaks);
    gateway.run_for(400ms);
    ASSERT_TRUE(gateway.mapping(kTcp)) << to_string(best) << gateway.why(kTcp);
    ASSERT_TRUE(gateway.mapping(kUdp)) << to_string(best) << gateway.why(kUdp);
    EXPECT_EQ(gateway.mapping(kTcp)->method, best);
    EXPECT_EQ(gateway.mapping(kTcp)->external.to_string(), "198.51.100.7:40000");
    EXPECT_TRUE(gateway.mapper.take_news());
    EXPECT_EQ(gateway.mapped.size(), 2u);
  }
}

TEST(Mapper, FindsAGatewayThatAnswersSearchesOfTheGroupAlone) {
  FakeGateway gateway;
  gateway.hears_group_alone = true;
  begin(gateway, {Method::kUpnp});
  gateway.run_for(3s);
  ASSERT_TRUE(gateway.mapping(kTcp));
  EXPECT_EQ(gateway.mapping(kTcp)->method, Method::kUpnp);
}

TEST(Mapper, WhereNobodyAnswersNobodyIsAskedAgainForTenMinutes) {
  FakeGateway gateway;
  begin(gateway, {});
  gateway.run_for(3s);
  const auto asked = gateway.asked;
  EXPECT_LE(asked, 15u);
  EXPECT_NE(gateway.why(kTcp).find("neither PCP, NAT-PMP nor UPnP"), std::string::npos);
  gateway.mapper.set_network(gateway.network, gateway.now);  // something else has changed
  gateway.run_for(9min);
  EXPECT_EQ(gateway.asked, asked);
  gateway.speaks = {Method::kPcp};
  gateway.run_for(2min);
  EXPECT_TRUE(gateway.mapping(kTcp));
}

TEST(Mapper, RenewsAtHalfOfTheLife) {
  FakeGateway gateway;
  begin(gateway, {Method::kPcp});
  gateway.run_for(1s);
  EXPECT_EQ(gateway.map_requests, 2u);
  gateway.run_for(59min);
  EXPECT_EQ(gateway.map_requests, 2u);
  gateway.mapper.take_news();
  gateway.run_for(2min);
  EXPECT_EQ(gateway.map_requests, 4u);
  EXPECT_FALSE(gateway.mapper.take_news());
  gateway.run_for(10h);
  EXPECT_TRUE(gateway.mapping(kTcp));
  EXPECT_EQ(gateway.map_requests, 24u);
}

TEST(Mapper, ARestartOfTheGatewayIsSeenByItsClockAndAllIsAskedForAtOnce) {
  for (const auto method : {Method::kPcp, Method::kNatPmp}) {
    FakeGateway gateway;
    begin(gateway, {method});
    gateway.run_for(20min);
    const auto before = gateway.mapping(kTcp);
    gateway.mapper.take_news();
    EXPECT_FALSE(gateway.mapper.take_restart());
    gateway.restart();
    gateway.announce(method);
    gateway.run_for(50ms);
    EXPECT_TRUE(gateway.mapper.take_restart());
    EXPECT_FALSE(gateway.mapper.take_restart());
    EXPECT_EQ(gateway.mapped.size(), 2u) << to_string(method);
    EXPECT_TRUE(gateway.mapper.take_news());  // to be tried from outside again
    EXPECT_NE(gateway.mapping(kTcp)->generation, before->generation);
    EXPECT_EQ(gateway.mapping(kTcp)->external, before->external);
  }
}

TEST(Mapper, TellsOfRestartsOnceInTenSecondsHoweverManyAreAnnounced) {
  FakeGateway gateway;
  begin(gateway, {Method::kPcp});
  gateway.run_for(1min);
  int told = 0;
  for (int i = 0; i < 20; ++i) {  // a minute
    gateway.restart();
    gateway.announce(Method::kPcp);
    gateway.run_for(3s);
    told += gateway.mapper.take_restart() ? 1 : 0;
  }
  EXPECT_GE(told, 4);
  EXPECT_LE(told, 7);
}

TEST(Mapper, ARestartThatWasMissedIsSeenWhenSomebodyAsksForACheck) {
  FakeGateway gateway;
  begin(gateway, {Method::kPcp});
  gateway.run_for(20min);
  gateway.restart();
  gateway.mapper.check(gateway.now);
  gateway.run_for(50ms);
  EXPECT_EQ(gateway.mapped.size(), 2u);
  EXPECT_TRUE(gateway.mapping(kTcp));
}

TEST(Mapper, AGatewayThatIsAwayForAWhileIsAskedUntilItIsBack) {
  FakeGateway gateway;
  begin(gateway, {Method::kPcp});
  gateway.run_for(20min);
  gateway.speaks = {};
  gateway.restart();
  gateway.mapper.check(gateway.now);
  gateway.run_for(3min);
  EXPECT_TRUE(gateway.mapping(kTcp));  // for all that we know
  gateway.speaks = {Method::kPcp};
  gateway.run_for(2min);
  EXPECT_EQ(gateway.mapped.size(), 2u);
}

TEST(Mapper, AMappingThatCannotBeRenewedEnds) {
  FakeGateway gateway;
  begin(gateway, {Method::kNatPmp});
  gateway.run_for(1s);
  gateway.speaks = {};
  gateway.mapper.take_news();
  gateway.run_for(121min);
  EXPECT_FALSE(gateway.mapping(kTcp));
  EXPECT_TRUE(gateway.mapper.take_news());
  gateway.speaks = {Method::kUpnp};  // another router
  gateway.run_for(11min);
  ASSERT_TRUE(gateway.mapping(kTcp));
  EXPECT_EQ(gateway.mapping(kTcp)->method, Method::kUpnp);
}

TEST(Mapper, AnAnnouncementEndsTheWait) {
  FakeGateway gateway;
  begin(gateway, {});
  gateway.run_for(1min);
  gateway.speaks = {Method::kPcp};
  gateway.announce(Method::kPcp);
  gateway.run_for(50ms);
  EXPECT_TRUE(gateway.mapping(kTcp));
}

TEST(Mapper, WhoRefusesIsPassedOver) {
  FakeGateway gateway;
  gateway.pcp_result = 2;
  begin(gateway, {Method::kPcp, Method::kUpnp});
  gateway.run_for(1s);
  ASSERT_TRUE(gateway.mapping(kTcp)) << gateway.why(kTcp);
  EXPECT_EQ(gateway.mapping(kTcp)->method, Method::kUpnp);

  FakeGateway alone;
  alone.pcp_result = 2;
  begin(alone, {Method::kPcp});
  alone.run_for(3s);
  EXPECT_EQ(alone.why(kTcp), "PCP: not authorized");
}

TEST(Mapper, AnAddressThatIsNotPublicIsOfNoUseAndTheMappingIsDeleted) {
  for (const auto method : {Method::kPcp, Method::kNatPmp, Method::kUpnp}) {
    FakeGateway gateway;
    gateway.external = IpAddress::v4(0x64400001);
    begin(gateway, {method});
    gateway.run_for(3s);
    EXPECT_FALSE(gateway.mapping(kTcp));
    EXPECT_NE(gateway.why(kTcp).find("100.64.0.1 is not public"), std::string::npos)
        << gateway.why(kTcp);
    EXPECT_TRUE(gateway.mapped.empty()) << to_string(method);
  }
}

TEST(Mapper, AStopDeletesEverything) {
  for (const auto method : {Method::kPcp, Method::kNatPmp, Method::kUpnp}) {
    FakeGateway gateway;
    begin(gateway, {method});
    gateway.run_for(3s);
    EXPECT_EQ(gateway.mapped.size(), 2u);
    gateway.mapper.stop(gateway.now);
    gateway.run_for(200ms);
    EXPECT_TRUE(gateway.mapped.empty()) << to_string(method);
    EXPECT_TRUE(gateway.mapper.stopped());
  }
}

TEST(Mapper, AStopInTheMiddleOfAQuestionDeletesWhatItMayHaveBroughtAbout) {
  FakeGateway gateway;
  begin(gateway, {Method::kUpnp});
  gateway.run_for(270ms);  // culvert-igd is at work
  gateway.mapper.stop(gateway.now);
  gateway.run_for(500ms);
  EXPECT_TRUE(gateway.mapped.empty());
  EXPECT_TRUE(gateway.mapper.stopped());
}

TEST(Mapper, APortThatIsNoLongerWantedIsDeletedAlone) {
  FakeGateway gateway;
  begin(gateway, {Method::kPcp});
  gateway.run_for(1s);
  gateway.mapper.unwant(kUdp, gateway.now);
  gateway.run_for(1s);
  EXPECT_EQ(gateway.mapped.size(), 1u);
  EXPECT_TRUE(gateway.mapping(kTcp));
  EXPECT_EQ(gateway.mapper.report().size(), 1u);
}

TEST(Mapper, APublicAddressNeedsNoMapping) {
  FakeGateway gateway;
  gateway.speaks = {Method::kPcp};
  gateway.mapper.want(kTcp, gateway.now);
  gateway.mapper.set_network(Network{IpAddress::v4(0xc6336401), IpAddress::v4(0xc6336402)},
                             gateway.now);
  gateway.run_for(1s);
  EXPECT_EQ(gateway.asked, 0u);
  EXPECT_NE(gateway.why(kTcp).find("is public"), std::string::npos);
}

TEST(Mapper, AFirewallOfIPv6IsAskedByPcpAloneForAHoleAtTheAddressThatThereIs) {
  const auto own = *IpAddress::parse("2001:db8:7::5");
  FakeGateway gateway(1, {*IpAddress::parse("fe80::1"), own, 2});
  begin(gateway, {Method::kPcp, Method::kNatPmp, Method::kUpnp});
  gateway.run_for(400ms);
  ASSERT_TRUE(gateway.mapping(kTcp)) << gateway.why(kTcp);
  EXPECT_EQ(gateway.mapping(kTcp)->external, (SocketAddress{own, kTcp.number}));
  ASSERT_TRUE(gateway.last_pcp_map);
  const auto request = Bytes{*gateway.last_pcp_map};
  EXPECT_TRUE(std::ranges::equal(request.subspan(8, 16), own.wire())) << "the client's address";
  EXPECT_EQ(ByteVector(request.subspan(44, 16).begin(), request.subspan(44, 16).end()),
            ByteVector(16))
      << "any IPv6 address (RFC 6887 section 11.1)";
  EXPECT_EQ(gateway.mapper.presence(Method::kUpnp), Mapper::Presence::kAbsent);
  gateway.mapper.stop(gateway.now);
  gateway.run_for(1s);
  EXPECT_TRUE(gateway.mapped.empty());
}

TEST(Mapper, AnotherNetworkIsAskedAnew) {
  FakeGateway gateway;
  begin(gateway, {Method::kPcp});
  gateway.run_for(1s);
  gateway.mapper.set_network(std::nullopt, gateway.now);
  gateway.run_for(1s);
  EXPECT_FALSE(gateway.mapping(kTcp));
  const auto requests = gateway.map_requests;
  gateway.mapper.set_network(gateway.network, gateway.now);
  gateway.run_for(100ms);
  EXPECT_TRUE(gateway.mapping(kTcp));
  EXPECT_EQ(gateway.map_requests, requests + 2);
}

TEST(Mapper, AMappingWithoutEndIsRenewedAllTheSame) {
  FakeGateway gateway;
  gateway.igd_permanent = true;
  begin(gateway, {Method::kUpnp});
  gateway.run_for(50h);
  EXPECT_TRUE(gateway.mapping(kTcp));
}

class MapperLoss : public testing::TestWithParam<unsigned> {};

TEST_P(MapperLoss, AThirdOfTheDatagramsMayGetLost) {
  const auto seed = GetParam();
  FakeGateway gateway(seed);
  gateway.lost_of_ten = 3;
  begin(gateway, {static_cast<Method>(seed % 3)});
  gateway.run_for(30min);
  ASSERT_TRUE(gateway.mapping(kTcp)) << gateway.why(kTcp);
  ASSERT_TRUE(gateway.mapping(kUdp)) << gateway.why(kUdp);
  gateway.run_for(20h);
  EXPECT_TRUE(gateway.mapping(kTcp));
  EXPECT_LT(gateway.asked, 800u);
  gateway.lost_of_ten = 0;
  gateway.mapper.stop(gateway.now);
  gateway.run_for(1s);
  EXPECT_TRUE(gateway.mapped.empty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, MapperLoss, testing::Range(0u, 60u));

}  // namespace
}  // namespace culvert::portmap
