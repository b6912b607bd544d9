// Two endpoints that hear each other's packets by way of the service.
#include "datagram_program.h"

namespace culvert::service {
namespace {

using control::RelayedBy;

class Party final : public DatagramProgram {
 public:
  Party(TestEndpoint& endpoint, const std::string& token)
      : DatagramProgram(endpoint, {control::Target::Kind::kRelay, token, 1}) {}
  void write(std::string_view text) {
    link_.streams().write(stream_, as_bytes(text));
    link_.schedule();
  }
  void leave() { link_.refuse(stream_, ErrorCode::kClosed, ""); }
  RelayedBy other = RelayedBy::kNobody;

 private:
  void on_stream_readable() override {
    const auto news = link_.streams().readable(stream_);
    if (news.empty()) return;
    other = control::to_relayed_by(news.back());
    link_.streams().consumed(stream_, news.size());
  }
};

class PacketRelayTest : public testing::TestWithParam<std::size_t> {
 protected:
  PacketRelayTest() {
    for (auto* one : {&a_, &b_, &c_}) {
      EXPECT_EQ(one->enrol().refusal, ErrorCode::kNone);
      one->connect();
      EXPECT_TRUE(lab_.until([&] { return one->up; }));
    }
  }
  bool meet(Party& one, Party& other) {
    return lab_.until(
        [&] { return one.other == RelayedBy::kSession && other.other == RelayedBy::kSession; });
  }
  ServiceLab lab_{{}, {}, [](Config& config) {
                    config.forwarding.enabled = false;
                    config.threads = GetParam();
                  }};
  TestEndpoint a_{lab_, "a.example.net"}, b_{lab_, "b.example.net"}, c_{lab_, "c.example.net"};
};

TEST_P(PacketRelayTest, WhoNamesTheSameTokenHearsTheOtherAndNobodyElse) {
  Party a(a_, "one"), b(b_, "one"), c(c_, "other");
  ASSERT_TRUE(meet(a, b));
  a.send("from a");
  b.send("from b");
  EXPECT_TRUE(lab_.until([&] { return a.heard.size() == 1 && b.heard.size() == 1; }));
  EXPECT_EQ(a.heard, std::vector<std::string>{"from b"});
  EXPECT_EQ(b.heard, std::vector<std::string>{"from a"});
  EXPECT_TRUE(c.heard.empty());
  EXPECT_EQ(c.other, RelayedBy::kNobody);
}

TEST_P(PacketRelayTest, AThirdIsRefusedUntilOneHasLeftAndTheOneThatStaysIsTold) {
  Party a(a_, "one"), b(b_, "one");
  ASSERT_TRUE(meet(a, b));
  Party early(c_, "one");
  ASSERT_TRUE(lab_.until([&] { return early.reset.has_value(); }));
  EXPECT_EQ(early.reset->code, ErrorCode::kExhausted);
  b.leave();
  ASSERT_TRUE(lab_.until([&] { return a.other == RelayedBy::kNobody; }));
  Party late(c_, "one");
  EXPECT_TRUE(meet(a, late));
}

TEST_P(PacketRelayTest, AnEndpointThatGoesIsLeftAndOneThatSendsDataIsShownOut) {
  Party a(a_, "one");
  {
    Party b(b_, "one");
    ASSERT_TRUE(meet(a, b));
    b.write("data");
    ASSERT_TRUE(lab_.until([&] { return b.reset.has_value(); }));
    EXPECT_EQ(b.reset->code, ErrorCode::kProtocol);
  }
  ASSERT_TRUE(lab_.until([&] { return a.other == RelayedBy::kNobody; }));
  a.send("to nobody");
  Party again(b_, "one");
  EXPECT_TRUE(meet(a, again));
}

INSTANTIATE_TEST_SUITE_P(Threads, PacketRelayTest, kThreadCounts, name_of_threads);

}  // namespace
}  // namespace culvert::service
