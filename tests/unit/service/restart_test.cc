// A service that is started anew while connections go through it.
#include "echo_server.h"
#include "service/store_wait.h"
#include "service_lab.h"

namespace culvert::service {
namespace {

using std::chrono::seconds;

class RestartTest : public testing::TestWithParam<std::size_t> {
 protected:
  void start_stream() {
    ASSERT_EQ(a_.enrol().refusal, ErrorCode::kNone);
    a_.grace = seconds{60};
    a_.connect();
    ASSERT_TRUE(lab_.until([&] { return a_.up; }));
    a_.forward("127.0.0.5", server_.port(), "one ");
    ASSERT_TRUE(lab_.until([&] { return a_.received == "one "; }));
  }
  void resume() {
    ASSERT_TRUE(lab_.until([&] { return a_.carriers_lost > 0; }));
    a_.link->introduce(lab_.dial());
  }
  void revoke(const std::string& name) {
    StoreWait answer(lab_.loop());
    lab_.side_store().get(answer.call(), {endpoint_key(name)});
    const auto found = answer.wait();
    ASSERT_TRUE(found && found->entries.size() == 1);
    auto record = *decode_endpoint(found->entries[0].value);
    record.revoked = true;
    lab_.side_store().transact(answer.call(), {}, {{endpoint_key(name), encode(record)}});
    ASSERT_TRUE(answer.wait());
  }

  ServiceLab lab_{{"127.0.0.5/32"}, {}, [](Config& config) { config.threads = GetParam(); }};
  EchoServer server_{lab_.loop(), "127.0.0.5"};
  TestEndpoint a_{lab_, "a.example.net"};
};

TEST_P(RestartTest, AForwardedConnectionGoesOn) {
  start_stream();
  for (int i = 0; i < 3; ++i) {
    a_.write("before ");
    lab_.hand_over([&](restart::Estate&) { a_.write("meanwhile "); });
    EXPECT_EQ(lab_.service().session_count(), 1u);
    resume();
    const auto before = a_.received.size();
    ASSERT_TRUE(lab_.until([&] { return a_.received.size() >= before + 10; }));
    a_.carriers_lost = 0;
  }
  ASSERT_TRUE(lab_.until([&] { return a_.received.size() == 4 + 3 * 17; }));
  EXPECT_EQ(a_.received.substr(0, 21), "one before meanwhile ");
  EXPECT_EQ(server_.accepted, 1) << "the destination noticed nothing";
  EXPECT_FALSE(a_.down || a_.reset);
}

TEST_P(RestartTest, AnEndpointGoesOnFromItsSnapshotToo) {
  start_stream();
  const auto snapshot = a_.link->take_snapshot();
  a_.link.reset();
  a_.go_on(snapshot);
  a_.link->introduce(lab_.dial());
  a_.write("two");
  ASSERT_TRUE(lab_.until([&] { return a_.received == "one two"; }));
}

TEST_P(RestartTest, WhoConnectsWhileNoServiceRunsIsNotRefused) {
  start_stream();
  std::unique_ptr<loop::TcpSocket> early;
  lab_.hand_over([&](restart::Estate&) { early = lab_.dial(); });
  ASSERT_TRUE(lab_.until([&] { return a_.carriers_lost > 0; }));
  a_.link->introduce(std::move(early));
  a_.write("two");
  ASSERT_TRUE(lab_.until([&] { return a_.received == "one two"; }));
}

TEST_P(RestartTest, AnEndpointThatWasRevokedMeanwhileLosesItsConnections) {
  start_stream();
  ASSERT_TRUE(server_.connected());
  lab_.hand_over([&](restart::Estate&) { revoke(a_.name); });
  EXPECT_EQ(lab_.service().session_count(), 0u);
  ASSERT_TRUE(lab_.until([&] { return !server_.connected(); }));
  EXPECT_EQ(server_.broken_by, ECONNRESET);
}

TEST_P(RestartTest, StateThatMakesNoSenseCostsTheConnectionsAndNothingElse) {
  start_stream();
  lab_.hand_over([&](restart::Estate& estate) { estate.state.resize(estate.state.size() - 1); });
  EXPECT_EQ(lab_.service().session_count(), 0u);
  ASSERT_TRUE(lab_.until([&] { return !server_.connected(); }));
  a_.connect();
  ASSERT_TRUE(lab_.until([&] { return a_.up; }));
}

TEST_P(RestartTest, StateOfAnotherVersionIsNotRead) {
  start_stream();
  lab_.hand_over([&](restart::Estate& estate) { estate.state[5] ^= std::byte{0x80}; });
  EXPECT_EQ(lab_.service().session_count(), 0u);
}

TEST_P(RestartTest, AConnectionWhoseSocketWasNotPassedOnIsReset) {
  start_stream();
  lab_.hand_over([&](restart::Estate& estate) { estate.sockets = {}; });
  EXPECT_EQ(lab_.service().session_count(), 1u);
  resume();
  ASSERT_TRUE(lab_.until([&] { return a_.reset.has_value(); }));
}

TEST_P(RestartTest, ADestinationThatIsNotConnectedYetIsConnectedByTheNextService) {
  start_stream();
  a_.received.clear();
  a_.forward("127.0.0.5", server_.port(), "two");
  lab_.hand_over();  // the OPEN has not even left, or has
  resume();
  ASSERT_TRUE(lab_.until([&] { return a_.received == "two"; }));
  EXPECT_TRUE(a_.accepted);
}

INSTANTIATE_TEST_SUITE_P(Threads, RestartTest, kThreadCounts, name_of_threads);

}  // namespace
}  // namespace culvert::service
