// Telephone numbers that lead to a gateway.
#include "udp_peers.h"

namespace culvert::service {
namespace {

GatewayConfig gateway(const char* numbers, HostPort to, const char* callers = "*") {
  return {*NumberPattern::parse(numbers), std::move(to), {*resolver::NamePattern::parse(callers)}};
}

class GatewayTest : public testing::Test {
 protected:
  GatewayTest() {
    for (auto* one : {&caller_, &stranger_}) {
      EXPECT_EQ(one->enrol().refusal, ErrorCode::kNone);
      one->connect();
      EXPECT_TRUE(lab_.until([&] { return one->up; }));
    }
  }
  std::string heard_by_gateway(Asker& asker) {
    std::string text;
    asker.send("INVITE");
    EXPECT_TRUE(lab_.until([&] { return !(text = host_.receive()).empty(); }));
    return text;
  }

  OrdinaryHost host_;  // at an address that nobody may be forwarded to
  ServiceLab lab_{{}, {}, [this](Config& config) {
                    config.gateways = {
                        gateway("+49*", {"127.0.0.5", 0}, "*.office.example.net"),
                        gateway("+4930*", {"127.0.0.5", host_.port}, "*.office.example.net"),
                        gateway("+1*", {"127.0.0.6", host_.port}, "nobody.example.net")};
                  }};
  TestEndpoint caller_{lab_, "phone.office.example.net"}, stranger_{lab_, "stranger.example.net"};
};

TEST_F(GatewayTest, ANumberLeadsThere) {
  Asker phone(caller_, "4989123456.example.net", host_.port);
  EXPECT_EQ(heard_by_gateway(phone), "INVITE");
  host_.answer("100 Trying");
  ASSERT_TRUE(lab_.until([&] { return !phone.heard.empty(); }));
  EXPECT_EQ(phone.heard[0], "100 Trying");
}

TEST_F(GatewayTest, TheNarrowerPatternWinsAndItsPortIsTaken) {
  Asker phone(caller_, "4930123456.example.net", 5060);
  EXPECT_EQ(heard_by_gateway(phone), "INVITE");
}

TEST_F(GatewayTest, OpensTheGatewayForNobodyElse) {
  Asker direct(caller_, "127.0.0.5", host_.port);
  direct.send("x");
  ASSERT_TRUE(lab_.until([&] { return direct.reset.has_value(); }));
  EXPECT_EQ(direct.reset->code, ErrorCode::kNotPermitted);
  Asker stranger(stranger_, "4930123456.example.net", 5060);
  stranger.send("x");
  ASSERT_TRUE(lab_.until([&] { return stranger.reset.has_value(); }));
  EXPECT_EQ(stranger.reset->code, ErrorCode::kNotPermitted);
}

TEST_F(GatewayTest, NumbersAreFoundByThoseWhoMayCallThem) {
  const auto kind = control::Lookup::Kind::kEndpoint;
  EXPECT_EQ(caller_.look_up(kind, "4930123456.example.net")->error, ErrorCode::kNone);
  EXPECT_EQ(stranger_.look_up(kind, "4930123456.example.net")->error, ErrorCode::kNameUnknown);
  EXPECT_EQ(caller_.look_up(kind, "15551234.example.net")->error, ErrorCode::kNameUnknown);
  EXPECT_EQ(caller_.look_up(kind, "33123456.example.net")->error, ErrorCode::kNameUnknown);
}

}  // namespace
}  // namespace culvert::service
