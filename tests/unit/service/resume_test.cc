// Sessions that lose their carriers, at a real service.
#include "echo_server.h"
#include "service_lab.h"

namespace culvert::service {
namespace {

using control::Purpose;
using control::Resume;
using std::chrono::seconds;

const Error kCut{ErrorCode::kReset, "the test cut it"};

class ResumeTest : public testing::TestWithParam<std::size_t> {
 protected:
  void go_online(TestEndpoint& endpoint) {
    if (endpoint.certificate.empty()) {
      ASSERT_EQ(endpoint.enrol().refusal, ErrorCode::kNone);
    }
    endpoint.grace = seconds{60};
    endpoint.connect();
    ASSERT_TRUE(lab_.until([&] { return endpoint.up; }));
  }
  void start_stream(EchoServer& server) {
    go_online(a_);
    a_.forward("127.0.0.5", server.port(), "one ");
    ASSERT_TRUE(lab_.until([&] { return a_.received == "one "; }));
  }
  void cut() {
    const int before = a_.carriers_lost;
    a_.link->drop_carrier(kCut);
    ASSERT_TRUE(lab_.until([&] { return a_.carriers_lost > before; }));
  }
  control::HelloAnswer ask(const crypto::KeyPair& key, const control::Hello& hello) {
    RawGreeting greeting(lab_, key, hello);
    EXPECT_TRUE(lab_.until([&] { return greeting.answered(); }));
    return greeting.answer();
  }

  ServiceLab lab_{{"127.0.0.5/32"}, {}, [](Config& config) { config.threads = GetParam(); }};
  TestEndpoint a_{lab_, "a.example.net"}, b_{lab_, "b.example.net"};
};

TEST_P(ResumeTest, AForwardedConnectionOutlivesItsCarriers) {
  EchoServer server(lab_.loop(), "127.0.0.5");
  start_stream(server);
  for (int i = 1; i <= 20; ++i) {
    cut();
    a_.write("x");  // while there is no carrier
    a_.link->introduce(lab_.dial());
    ASSERT_TRUE(lab_.until([&] { return a_.received.size() == 4u + static_cast<unsigned>(i); }));
  }
  EXPECT_EQ(server.accepted, 1) << "the destination noticed nothing";
  EXPECT_EQ(a_.carriers_resumed, 20);
  EXPECT_FALSE(a_.down || a_.reset);
}

TEST_P(ResumeTest, AFreshCarrierTakesThePlaceOfOneThatSeemsToLive) {
  EchoServer server(lab_.loop(), "127.0.0.5");
  start_stream(server);
  a_.link->introduce(lab_.dial());  // the service has not noticed that anything is wrong
  a_.write("two");
  ASSERT_TRUE(lab_.until([&] { return a_.received == "one two"; }));
  EXPECT_EQ(lab_.service().session_count(), 1u);
}

TEST_P(ResumeTest, ASessionThatIsNotThereIsRefusedAsClosed) {
  ASSERT_EQ(a_.enrol().refusal, ErrorCode::kNone);
  auto hello = a_.hello(Purpose::kSession);
  hello.resume = Resume::kExisting;
  const auto answer = ask(a_.key, hello);
  EXPECT_EQ(answer.refusal, ErrorCode::kClosed);
  EXPECT_NE(answer.reason.find("resume_seconds"), std::string::npos) << "it says what to do";
}

TEST_P(ResumeTest, NobodyElseGetsASessionByItsName) {
  EchoServer server(lab_.loop(), "127.0.0.5");
  start_stream(server);
  ASSERT_EQ(b_.enrol().refusal, ErrorCode::kNone);
  auto hello = b_.hello(Purpose::kSession);
  hello.session = a_.link->session_hello().session;
  hello.resume = Resume::kExisting;
  EXPECT_EQ(ask(b_.key, hello).refusal, ErrorCode::kClosed);
  EXPECT_FALSE(a_.down);
}

TEST_P(ResumeTest, AKeyThatWasReplacedResumesNothing) {
  EchoServer server(lab_.loop(), "127.0.0.5");
  start_stream(server);
  auto hello = a_.hello(Purpose::kSession);
  hello.session = a_.link->session_hello().session;
  hello.resume = Resume::kExisting;
  const auto thief = crypto::KeyPair::generate(lab_.random());
  EXPECT_EQ(ask(thief, hello).refusal, ErrorCode::kAuthentication);
}

TEST_P(ResumeTest, TheServiceLetsGoWhenGraceHasPassed) {
  Limits limits;
  limits.resume = seconds{1};
  ServiceLab lab({}, limits);
  TestEndpoint endpoint(lab, "c.example.net");
  ASSERT_EQ(endpoint.enrol().refusal, ErrorCode::kNone);
  endpoint.grace = seconds{60};
  endpoint.connect();
  ASSERT_TRUE(lab.until([&] { return endpoint.up; }));
  endpoint.link->drop_carrier(kCut);
  ASSERT_TRUE(lab.until([&] { return lab.service().session_count() == 0; }));
  endpoint.link->introduce(lab.dial());
  ASSERT_TRUE(lab.until([&] { return endpoint.down.has_value(); }));
  EXPECT_EQ(endpoint.down->code, ErrorCode::kClosed);
}

TEST_P(ResumeTest, AnEndpointThatIsExpectedIsReachedThoughNothingIsPublished) {
  go_online(a_);
  go_online(b_);
  auto hello = a_.hello(Purpose::kCircuitCall);
  hello.name = b_.name;
  EXPECT_EQ(ask(a_.key, hello).refusal, ErrorCode::kNameUnknown);
  b_.link->send(control::Expect{{a_.name}});
  EXPECT_EQ(b_.look_up(control::Lookup::Kind::kEndpoint, "nobody.example.net")->error,
            ErrorCode::kNameUnknown)
      << "answered behind it";
  b_.messages.clear();
  hello.timestamp += 1;
  RawGreeting call(lab_, a_.key, hello);
  ASSERT_TRUE(lab_.until([&] { return !b_.messages.empty(); }));
  EXPECT_EQ(std::get<control::Incoming>(b_.messages.back()).caller, a_.name);
}

INSTANTIATE_TEST_SUITE_P(Threads, ResumeTest, kThreadCounts, name_of_threads);

}  // namespace
}  // namespace culvert::service
