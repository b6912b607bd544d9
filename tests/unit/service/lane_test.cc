// A session's interactive lane at a real service, on whichever loop the session lives.
#include "echo_server.h"
#include "service_lab.h"

namespace culvert::service {
namespace {

using control::Purpose;
using control::Resume;

class LaneTest : public testing::TestWithParam<std::size_t>,
                 private session::Introduction::Listener {
 protected:
  LaneTest() {
    EXPECT_EQ(a_.enrol().refusal, ErrorCode::kNone);
    a_.grace = std::chrono::seconds{60};
    a_.connect();
    EXPECT_TRUE(lab_.until([&] { return a_.up; }));
    a_.forward("127.0.0.5", server_.port(), "one ");
    EXPECT_TRUE(lab_.until([&] { return a_.received == "one "; }));
  }
  void add_lane() {
    introduction_.emplace(lab_.loop(), lab_.dial(), session::Introduction::Who{a_.key, lab_.key()},
                          a_.link->lane_hello(), ByteVector{}, std::chrono::seconds{5},
                          static_cast<session::Introduction::Listener&>(*this));
    ASSERT_TRUE(lab_.until([&] { return !introduction_; }));
    ASSERT_TRUE(a_.link->has_lane());
  }
  // One after the other, as a dialogue goes.
  void exchange(int count) {
    for (int i = 0; i < count; ++i) {
      write();
      ASSERT_TRUE(lab_.until([&] { return a_.received == written_; }));
    }
  }
  void write() {
    const std::string next(1, static_cast<char>('a' + written_.size() % 26));
    written_ += next;
    a_.write(next);
  }
  std::uint64_t octets_by_lane() const {
    auto* const lane = const_cast<session::Session&>(a_.link->session()).lane();
    return lane == nullptr ? 0 : lane->octets_received();
  }

  ServiceLab lab_{{"127.0.0.5/32"}, {}, [](Config& config) { config.threads = GetParam(); }};
  TestEndpoint a_{lab_, "a.example.net"}, b_{lab_, "b.example.net"};
  EchoServer server_{lab_.loop(), "127.0.0.5"};

  std::string written_ = "one ";

 private:
  void on_introduced(session::Introduction&, session::FreshCarrier carrier) override {
    a_.link->attach_lane(std::move(carrier));
    introduction_.reset();
  }
  void on_introduction_failed(session::Introduction&, const Error& why, bool) override {
    ADD_FAILURE() << why.detail;
    introduction_.reset();
  }
  std::optional<session::Introduction> introduction_;
};

TEST_P(LaneTest, ADialogueGoesByItBothWays) {
  add_lane();
  exchange(20);
  EXPECT_GT(octets_by_lane(), 10u * 30) << "the echoes came by it";
  EXPECT_EQ(a_.carriers_resumed, 0) << "the first carrier is the same as ever";
}

TEST_P(LaneTest, LosingItOrTheFirstCarrierCostsNothing) {
  for (int i = 0; i < 5; ++i) {
    add_lane();
    exchange(12);
    write();
    a_.link->drop_lane("the test wants it");
    exchange(3);
    add_lane();
    exchange(12);
    a_.link->drop_carrier({ErrorCode::kReset, "the test cut it"});
    exchange(3);
    a_.link->introduce(lab_.dial());
    ASSERT_TRUE(lab_.until([&] { return a_.carriers_resumed == i + 1; }));
    exchange(3);
  }
  EXPECT_EQ(server_.accepted, 1);
  EXPECT_FALSE(a_.down || a_.reset);
}

TEST_P(LaneTest, NobodyElseBringsASessionOne) {
  ASSERT_EQ(b_.enrol().refusal, ErrorCode::kNone);
  auto hello = b_.hello(Purpose::kSession);
  hello.session = a_.link->session_hello().session;
  hello.resume = Resume::kBeside;
  RawGreeting greeting(lab_, b_.key, hello);
  ASSERT_TRUE(lab_.until([&] { return greeting.answered(); }));
  EXPECT_EQ(greeting.answer().refusal, ErrorCode::kClosed);
  exchange(3);
}

TEST_P(LaneTest, IsGoneWithItsSession) {
  add_lane();
  exchange(6);
  a_.link->close("done");
  ASSERT_TRUE(lab_.until([&] { return a_.down && lab_.service().session_count() == 0; }));
  EXPECT_FALSE(a_.link->has_lane());
}

INSTANTIATE_TEST_SUITE_P(Threads, LaneTest, kThreadCounts, name_of_threads);

}  // namespace
}  // namespace culvert::service
