// Datagrams of an endpoint to ordinary hosts.
#include "udp_peers.h"

namespace culvert::service {
namespace {

class UdpForwardTest : public testing::Test {
 protected:
  explicit UdpForwardTest(Limits limits = {}) : lab_({"127.0.0.5/32"}, limits) {
    EXPECT_EQ(endpoint_.enrol().refusal, ErrorCode::kNone);
    endpoint_.connect();
    EXPECT_TRUE(lab_.until([&] { return endpoint_.up; }));
  }
  std::string next(OrdinaryHost& host) {
    std::string text;
    EXPECT_TRUE(lab_.until([&] { return !(text = host.receive()).empty(); }));
    return text;
  }
  ServiceLab lab_;
  TestEndpoint endpoint_{lab_, "a.example.net"};
};

TEST_F(UdpForwardTest, CarriesDatagramsBothWays) {
  OrdinaryHost host;
  Asker asker(endpoint_, "127.0.0.5", host.port);
  asker.send("question");
  EXPECT_EQ(next(host), "question");
  host.answer("answer");
  ASSERT_TRUE(lab_.until([&] { return !asker.heard.empty(); }));
  EXPECT_EQ(asker.heard[0], "answer");
}

TEST_F(UdpForwardTest, OnlyTheOneThatWasAskedIsHeard) {
  OrdinaryHost host, stranger;
  Asker asker(endpoint_, "127.0.0.5", host.port);
  asker.send("question");
  next(host);
  host.send_from(stranger.fd.get(), "reflected");
  host.answer("answer");
  ASSERT_TRUE(lab_.until([&] { return !asker.heard.empty(); }));
  EXPECT_EQ(asker.heard, std::vector<std::string>{"answer"});
}

TEST_F(UdpForwardTest, GoesNowhereThatConnectionsDoNotGo) {
  for (const auto* host : {"127.0.0.1", "169.254.169.254", "10.0.0.1", "0.0.0.0", "224.0.0.1",
                           "255.255.255.255", "::ffff:127.0.0.1", "64:ff9b::7f00:1"}) {
    Asker asker(endpoint_, host, 53);
    asker.send("x");
    ASSERT_TRUE(lab_.until([&] { return asker.reset.has_value(); })) << host;
    EXPECT_EQ(asker.reset->code, ErrorCode::kNotPermitted) << host;
  }
}

TEST_F(UdpForwardTest, APortWithoutAProgramIsToldAsRefused) {
  std::uint16_t port = 0;
  {
    OrdinaryHost gone;
    port = gone.port;
  }
  Asker asker(endpoint_, "127.0.0.5", port);
  asker.send("x");
  ASSERT_TRUE(lab_.until([&] { return asker.reset.has_value(); }));
  EXPECT_EQ(asker.reset->code, ErrorCode::kRefused);
}

class UdpForwardLimits : public UdpForwardTest {
 protected:
  UdpForwardLimits()
      : UdpForwardTest([] {
          Limits limits;
          limits.udp_flows_per_session = 2;
          limits.datagrams_per_second = 5;
          return limits;
        }()) {}
};

TEST_F(UdpForwardLimits, BoundTheFlowsAndWhatGoesOutInASecond) {
  OrdinaryHost host;
  Asker one(endpoint_, "127.0.0.5", host.port), two(endpoint_, "127.0.0.5", host.port),
      three(endpoint_, "127.0.0.5", host.port);
  ASSERT_TRUE(lab_.until([&] { return three.reset.has_value(); }));
  EXPECT_EQ(three.reset->code, ErrorCode::kExhausted);
  for (int i = 0; i < 100; ++i) one.send("flood");
  int got = 0;
  const auto end = loop::Loop::precise_now() + std::chrono::milliseconds{300};
  EXPECT_TRUE(lab_.until([&] {
    while (!host.receive().empty()) ++got;
    return loop::Loop::precise_now() > end;
  }));
  EXPECT_GE(got, 5);
  EXPECT_LE(got, 60);
}

}  // namespace
}  // namespace culvert::service
