#include "service/service.h"

#include "echo_server.h"
#include "service/commands.h"
#include "service/store_wait.h"
#include "service_lab.h"
#include "tunnel/session/circuit_pipe.h"

namespace culvert::service {
namespace {

using control::Purpose;
using Kind = control::Lookup::Kind;

// One end of a circuit that keeps what comes out of it.
class CircuitEnd final : private loop::BytePipe::Listener {
 public:
  CircuitEnd(ServiceLab& lab, const TestEndpoint& endpoint, const control::Hello& hello)
      : pipe(lab.dial(), endpoint.key, lab.key(), hello, lab.random()) {
    pipe.set_listener(this);
    pipe.set_interest(/*readable=*/true, /*writable=*/false);
  }
  void write(std::string_view text) { EXPECT_EQ(pipe.write(as_bytes(text)).count, text.size()); }

  session::CircuitPipe pipe;
  std::string received;
  bool ended = false, broken = false;

 private:
  void on_readable() override {
    std::byte buffer[4096];
    const auto got = pipe.read(buffer);
    using State = loop::IoResult::State;
    if (got.state == State::kMoved) received += as_text(Bytes{buffer}.first(got.count));
    if (got.state == State::kEnd) ended = true;
    if (got.state == State::kFailed) broken = true;
    if (ended || broken) pipe.set_interest(false, false);
  }
  void on_writable() override {}
  void on_broken(int) override { broken = true; }
};

class ServiceTest : public testing::Test {
 protected:
  void go_online(TestEndpoint& endpoint, std::vector<std::uint16_t> ports = {}) {
    if (endpoint.certificate.empty()) {
      ASSERT_EQ(endpoint.enrol().refusal, ErrorCode::kNone);
    }
    endpoint.connect();
    endpoint.link->send(control::Publish{std::move(ports)});
    ASSERT_TRUE(lab_.until([&] { return endpoint.up; }));
  }
  std::unique_ptr<CircuitEnd> call(const TestEndpoint& caller, const std::string& name) {
    auto hello = caller.hello(Purpose::kCircuitCall);
    hello.name = name;
    return std::make_unique<CircuitEnd>(lab_, caller, hello);
  }
  std::unique_ptr<CircuitEnd> take_call(const TestEndpoint& callee) {
    auto hello = callee.hello(Purpose::kCircuitAnswer);
    hello.ticket = std::get<control::Incoming>(callee.messages.back()).ticket;
    return std::make_unique<CircuitEnd>(lab_, callee, hello);
  }

  ServiceLab lab_{{"127.0.0.5/32"}};
  TestEndpoint a_{lab_, "a.example.net"}, b_{lab_, "b.site.example.net"};
};

TEST_F(ServiceTest, EnrolsAndTellsItsDomainAndSigningKey) {
  const auto answer = a_.enrol();
  EXPECT_EQ(answer.refusal, ErrorCode::kNone) << answer.reason;
  EXPECT_EQ(answer.domain, "example.net");
  ASSERT_EQ(answer.signing_key.size(), 32u);
  const crypto::SignaturePublicKey signer{std::span<const std::byte, 32>{answer.signing_key}};
  const auto certificate =
      crypto::NameCertificate::verify(answer.certificate, signer, loop::Loop::wall_clock());
  ASSERT_TRUE(certificate) << certificate.error().detail;
  EXPECT_EQ(certificate->name, "a.example.net");
  EXPECT_EQ(certificate->key, a_.key.public_key);
}

TEST_F(ServiceTest, RefusesAnEndpointThatWasNeverEnrolled) {
  a_.connect();
  ASSERT_TRUE(lab_.until([&] { return a_.down.has_value(); }));
  EXPECT_EQ(a_.down->code, ErrorCode::kAuthentication);
}

TEST_F(ServiceTest, ResolvesANameOnlyWhileItsEndpointPublishes) {
  go_online(a_);
  EXPECT_EQ(a_.look_up(Kind::kEndpoint, b_.name)->error, ErrorCode::kNameUnknown);
  go_online(b_);
  EXPECT_EQ(a_.look_up(Kind::kEndpoint, b_.name)->error, ErrorCode::kNameUnknown);
  b_.link->send(control::Publish{{22}});
  b_.look_up(Kind::kEndpoint, "nobody.example.net");  // answered behind it
  const auto found = a_.look_up(Kind::kEndpoint, "B.Site.Example.NET.");
  EXPECT_EQ(found->error, ErrorCode::kNone);
  EXPECT_EQ(found->certificate, b_.certificate);
  b_.link->close("good night");
  ASSERT_TRUE(lab_.until([&] { return lab_.service().session_count() == 1; }));
  EXPECT_EQ(a_.look_up(Kind::kEndpoint, b_.name)->error, ErrorCode::kNameUnknown);
}

TEST_F(ServiceTest, LetsTheNewestSessionOfAnEndpointWin) {
  go_online(a_);
  TestEndpoint twin(lab_, a_.name);
  twin.key = a_.key;
  twin.certificate = a_.certificate;
  go_online(twin, {80});
  ASSERT_TRUE(lab_.until([&] { return a_.down.has_value(); }));
  EXPECT_NE(a_.down->detail.find("newer session"), std::string::npos);
  EXPECT_EQ(lab_.service().session_count(), 1u);
  EXPECT_FALSE(twin.down);
}

TEST_F(ServiceTest, RefusesARepeatedHelloAlsoAfterARestart) {
  ASSERT_EQ(a_.enrol().refusal, ErrorCode::kNone);
  RawGreeting first(lab_, a_.key, a_.hello(Purpose::kSession));
  ASSERT_TRUE(lab_.until([&] { return first.answered(); }));
  EXPECT_EQ(first.answer().refusal, ErrorCode::kNone);
  RawGreeting again(lab_, first.packet());
  ASSERT_TRUE(lab_.until([&] { return again.answered(); }));
  EXPECT_EQ(lab_.service().session_count(), 1u);  // it got a refusal that it cannot read
  lab_.restart();
  RawGreeting later(lab_, first.packet());
  ASSERT_TRUE(lab_.until([&] { return later.answered(); }));
  EXPECT_EQ(lab_.service().session_count(), 0u);
}

TEST_F(ServiceTest, EndsTheSessionAndCircuitsOfARevokedEndpoint) {
  go_online(a_);
  go_online(b_, {22});
  const auto caller = call(a_, b_.name);
  ASSERT_TRUE(lab_.until([&] { return !b_.messages.empty(); }));
  const auto callee = take_call(b_);
  ASSERT_TRUE(lab_.until([&] { return lab_.service().circuit_count() == 1; }));
  StoreWait answer(lab_.loop());
  const auto key = endpoint_key(b_.name);
  lab_.side_store().get(answer.call(), {key});
  auto record = *decode_endpoint(answer.wait()->entries.at(0).value);
  record.revoked = true;
  lab_.side_store().transact(answer.call(), {}, {{key, encode(record)}});
  ASSERT_TRUE(answer.wait());
  ASSERT_TRUE(lab_.until([&] { return b_.down && caller->broken && callee->broken; }));
  EXPECT_NE(b_.down->detail.find("revoked"), std::string::npos);
  EXPECT_FALSE(a_.down);
  b_.connect();
  ASSERT_TRUE(lab_.until([&] { return b_.down.has_value(); }));
  EXPECT_EQ(b_.down->code, ErrorCode::kAuthentication);
}

TEST_F(ServiceTest, JoinsACircuitEndToEnd) {
  go_online(a_);
  go_online(b_, {22});
  const auto caller = call(a_, b_.name);
  caller->write("before the answer ");
  ASSERT_TRUE(lab_.until([&] { return !b_.messages.empty(); }));
  EXPECT_EQ(std::get<control::Incoming>(b_.messages.back()).caller, a_.name);
  const auto callee = take_call(b_);
  callee->write("hello caller");
  ASSERT_TRUE(lab_.until([&] { return caller->received == "hello caller"; }));
  caller->write("and after");
  ASSERT_TRUE(lab_.until([&] { return callee->received == "before the answer and after"; }));
  caller->pipe.end_writing();
  ASSERT_TRUE(lab_.until([&] { return callee->ended; }));
  callee->write("; last words");
  ASSERT_TRUE(lab_.until([&] { return caller->received == "hello caller; last words"; }));
  EXPECT_FALSE(caller->ended);
  callee->pipe.end_writing();
  ASSERT_TRUE(lab_.until([&] { return caller->ended; }));
  EXPECT_TRUE(lab_.until([&] { return lab_.service().circuit_count() == 0; }));
}

TEST_F(ServiceTest, PassesAnAbortThroughACircuit) {
  go_online(a_);
  go_online(b_, {22});
  const auto caller = call(a_, b_.name);
  ASSERT_TRUE(lab_.until([&] { return !b_.messages.empty(); }));
  const auto callee = take_call(b_);
  callee->write("x");
  ASSERT_TRUE(lab_.until([&] { return caller->received == "x"; }));
  caller->pipe.abort();
  EXPECT_TRUE(lab_.until([&] { return callee->broken; }));
}

TEST_F(ServiceTest, TellsACallerWhyThereIsNoCircuit) {
  go_online(a_);
  const auto to_nobody = call(a_, "nobody.example.net");
  ASSERT_TRUE(lab_.until([&] { return to_nobody->pipe.failure() != nullptr; }));
  EXPECT_EQ(to_nobody->pipe.failure()->code, ErrorCode::kNameUnknown);
}

TEST_F(ServiceTest, RefusesAnAnswerToACallOfSomebodyElse) {
  go_online(a_);
  go_online(b_, {22});
  const auto caller = call(a_, b_.name);
  ASSERT_TRUE(lab_.until([&] { return !b_.messages.empty(); }));
  auto hello = a_.hello(Purpose::kCircuitAnswer);
  hello.ticket = std::get<control::Incoming>(b_.messages.back()).ticket;
  CircuitEnd thief(lab_, a_, hello);
  ASSERT_TRUE(lab_.until([&] { return thief.pipe.failure() != nullptr; }));
  EXPECT_EQ(lab_.service().circuit_count(), 0u);
}

TEST(ServiceLimits, GiveUpACallThatIsNotAnswered) {
  Limits limits;
  limits.circuit_answer = std::chrono::seconds{1};
  ServiceLab lab({}, limits);
  TestEndpoint a(lab, "a.example.net"), b(lab, "b.example.net");
  for (auto* endpoint : {&a, &b}) {
    endpoint->enrol();
    endpoint->connect();
    endpoint->link->send(control::Publish{{22}});
    ASSERT_TRUE(lab.until([&] { return endpoint->up; }));
  }
  auto hello = a.hello(Purpose::kCircuitCall);
  hello.name = b.name;
  CircuitEnd caller(lab, a, hello);
  ASSERT_TRUE(lab.until([&] { return caller.pipe.failure() != nullptr; }));
  EXPECT_EQ(caller.pipe.failure()->code, ErrorCode::kTimedOut);
}

TEST_F(ServiceTest, ForwardsIntoAnAllowedPrefix) {
  EchoServer server(lab_.loop(), "127.0.0.5");
  go_online(a_);
  a_.forward("127.0.0.5", server.port(), "first bytes");
  ASSERT_TRUE(lab_.until([&] { return a_.received == "first bytes"; }));
  EXPECT_TRUE(a_.accepted);
  EXPECT_EQ(a_.look_up(Kind::kOrdinary, "127.0.0.5")->error, ErrorCode::kNone);
}

TEST_F(ServiceTest, RefusesToForwardAnywhereElseOnThisMachine) {
  EchoServer server(lab_.loop(), "127.0.0.6");
  go_online(a_);
  for (const auto* host : {"127.0.0.6", "::ffff:127.0.0.6", "localhost", "0.0.0.0", "::1"}) {
    a_.forward(host, server.port(), "x");
    ASSERT_TRUE(lab_.until([&] { return a_.reset.has_value(); })) << host;
    EXPECT_EQ(a_.reset->code, ErrorCode::kNotPermitted) << host << ": " << a_.reset->detail;
  }
  EXPECT_EQ(server.accepted, 0);
  EXPECT_EQ(a_.look_up(Kind::kOrdinary, "localhost")->error, ErrorCode::kNotPermitted);
}

TEST_F(ServiceTest, TellsARefusedPortAsRefused) {
  std::uint16_t port = 0;
  { port = EchoServer(lab_.loop(), "127.0.0.5").port(); }
  go_online(a_);
  a_.forward("127.0.0.5", port, "x");
  ASSERT_TRUE(lab_.until([&] { return a_.reset.has_value(); }));
  EXPECT_EQ(a_.reset->code, ErrorCode::kRefused) << a_.reset->detail;
}

TEST_F(ServiceTest, SaysGoodbyeWhenItStops) {
  go_online(a_);
  lab_.stop();
  ASSERT_TRUE(lab_.until([&] { return a_.down.has_value(); }));
  EXPECT_NE(a_.down->detail.find("the test says so"), std::string::npos);
}

TEST(ServiceLimits, BoundConnectionsBeforeLoginAndTheirTime) {
  Limits limits;
  limits.unauthenticated_per_address = 2;
  limits.handshake = std::chrono::seconds{1};
  ServiceLab lab({}, limits);
  RawGreeting silent(lab, ByteVector(as_bytes("\xc7V").begin(), as_bytes("\xc7V").end()));
  RawGreeting slow(lab, ByteVector(as_bytes("GET").begin(), as_bytes("GET").end()));
  RawGreeting third(lab, ByteVector(as_bytes("GET").begin(), as_bytes("GET").end()));
  ASSERT_TRUE(lab.until([&] { return third.answered(); }));
  EXPECT_FALSE(silent.answered());
  EXPECT_TRUE(lab.until([&] { return silent.answered() && slow.answered(); }));
}

// Its firewall would let its own connections pass: the answer would be worth nothing.
TEST_F(ServiceTest, AnEndpointOnTheServicesOwnMachineIsNotTried) {
  TestEndpoint endpoint(lab_, "here.example.net");
  go_online(endpoint);
  endpoint.link->send(control::TryInbound{4000, {}});
  ASSERT_TRUE(lab_.until([&] { return !endpoint.messages.empty(); }));
  const auto tried = std::get<control::InboundTried>(endpoint.messages.back());
  EXPECT_EQ(tried.port, 4000);
  EXPECT_EQ(tried.error, ErrorCode::kTryAgain);
  EXPECT_NE(tried.detail.find("own machine"), std::string::npos);
}

// Nor is anybody connected to whom somebody else has a statement for.
TEST_F(ServiceTest, AnAddressIsTriedThatIsStatedOfThatVeryEndpointAlone) {
  TestEndpoint endpoint(lab_, "here.example.net");
  go_online(endpoint);
  endpoint.link->send(control::TryInbound{4000, {}, ByteVector(118, std::byte{1})});
  ASSERT_TRUE(lab_.until([&] { return !endpoint.messages.empty(); }));
  const auto tried = std::get<control::InboundTried>(endpoint.messages.back());
  EXPECT_EQ(tried.error, ErrorCode::kTryAgain);
  EXPECT_NE(tried.detail.find("no address to try"), std::string::npos);
}

}  // namespace
}  // namespace culvert::service
