// Hosts that speak RTP by TCP (RFC 4571) and connect to the service to call an endpoint's UDP port.
#include <fcntl.h>

#include "udp_peers.h"

namespace culvert::service {
namespace {

using std::string_literals::operator""s;
using control::Target;

// A host at `own`, connected to the service.
class Host {
 public:
  Host(const SocketAddress& service, const char* own) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const SocketAddress from{*IpAddress::parse(own), 0};
    sockaddr_storage at{};
    auto length = from.fill(at);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
    length = service.fill(at);
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&at), &length);
    port = SocketAddress::from(reinterpret_cast<sockaddr*>(&at)).port;
    ::fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
  }
  void say(std::string_view octets) const {
    EXPECT_EQ(::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(octets.size()));
  }
  const std::string& heard() {
    std::array<char, 65536> buffer;
    for (ssize_t got; (got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0)) >= 0;) {
      ended = ended || got == 0;
      if (got == 0) return all_;
      all_.append(buffer.data(), static_cast<std::size_t>(got));
    }
    ended = ended || errno == ECONNRESET;
    return all_;
  }
  bool has_ended() {
    heard();
    return ended;
  }
  void hang_up() { socket_.reset(); }
  std::uint16_t port = 0;
  bool ended = false;

 private:
  UniqueFd socket_;
  std::string all_;
};

class Program final : public DatagramProgram {
 public:
  Program(TestEndpoint& endpoint, mux::StreamId stream, Target called)
      : DatagramProgram(endpoint, stream), target(std::move(called)) {
    link_.accept(stream_);
  }
  void leave() {
    link_.refuse(stream_, ErrorCode::kRefused, "the program has gone");
    link_.schedule();
  }
  Target target;
};

class MediaCallersTest : public testing::TestWithParam<std::size_t> {
 protected:
  MediaCallersTest() {
    EXPECT_EQ(endpoint_.enrol().refusal, ErrorCode::kNone);
    endpoint_.opened = [this](mux::StreamId stream, const Target& target) {
      if (refuses_)
        endpoint_.link->refuse(stream, ErrorCode::kRefused, "not published");
      else
        programs_.push_back(std::make_unique<Program>(endpoint_, stream, target));
    };
  }
  void be_online(const control::Message& published = control::PublishUdp{{5004}}) {
    endpoint_.connect();
    ASSERT_TRUE(lab_.until([&] { return endpoint_.up; }));
    endpoint_.link->send(published);
    endpoint_.look_up(control::Lookup::Kind::kEndpoint, "a.example.net");
  }
  SocketAddress door(std::size_t which = 0) { return lab_.service().media_addresses().at(which); }

  ServiceLab lab_{{}, {}, [](Config& config) {
                    config.threads = GetParam();
                    const SocketAddress any{*IpAddress::parse("127.0.0.1"), 0};
                    const std::vector<IpPrefix> from{*IpPrefix::parse("127.0.0.8/31")};
                    config.media = {
                        {any, "studio.example.net", "a.example.net", 5004, from, 2},
                        {any, "studio.example.net", "nobody.example.net", 5004, from, 2}};
                  }};
  TestEndpoint endpoint_{lab_, "a.example.net"};
  std::vector<std::unique_ptr<Program>> programs_;
  bool refuses_ = false;
};

INSTANTIATE_TEST_SUITE_P(, MediaCallersTest, kThreadCounts, name_of_threads);

TEST_P(MediaCallersTest, EachFrameIsADatagramThereAndEachDatagramAFrameHere) {
  be_online();
  Host host(door(), "127.0.0.9");
  host.say("\0\3rtp\0\0\0\5rt"s);  // one is empty, and one in two pieces
  ASSERT_TRUE(lab_.until([&] { return !programs_.empty() && !programs_[0]->heard.empty(); }));
  host.say("cp!");
  auto& program = *programs_.at(0);
  ASSERT_TRUE(lab_.until([&] { return program.heard.size() == 2; }));
  EXPECT_EQ(program.heard, (std::vector<std::string>{"rtp", "rtcp!"}));
  EXPECT_EQ(program.target,
            (Target{Target::Kind::kHostedUdp, "studio.example.net", 5004, 0, host.port}));
  program.send("answer");
  EXPECT_TRUE(lab_.until([&] { return host.heard() == "\0\6answer"s; })) << host.heard();
}

TEST_P(MediaCallersTest, WhoeverIsNotListedIsHungUpOn) {
  be_online();
  Host stranger(door(), "127.0.0.7");
  EXPECT_TRUE(lab_.until([&] { return stranger.has_ended(); }));
  EXPECT_TRUE(programs_.empty());
}

TEST_P(MediaCallersTest, NoMoreMayCallAtATimeThanConfigured) {
  be_online();
  Host first(door(), "127.0.0.8"), second(door(), "127.0.0.8");
  ASSERT_TRUE(lab_.until([&] { return programs_.size() == 2; }));
  Host third(door(), "127.0.0.8");
  ASSERT_TRUE(lab_.until([&] { return third.has_ended(); }));
  first.hang_up();  // its place is free when the endpoint's flow has ended
  ASSERT_TRUE(lab_.until([&] { return programs_[0]->reset || programs_[1]->reset; }));
  std::optional<Host> fourth;
  EXPECT_TRUE(lab_.until([&] {
    if (!fourth || fourth->has_ended()) fourth.emplace(door(), "127.0.0.8");
    return programs_.size() == 3;
  }));
}

TEST_P(MediaCallersTest, AnEndpointThatRefusesEndsTheConnection) {
  refuses_ = true;
  be_online();
  Host host(door(), "127.0.0.8");
  EXPECT_TRUE(lab_.until([&] { return host.has_ended(); }));
}

TEST_P(MediaCallersTest, AnEndpointThatIsNotThereEndsTheConnection) {
  be_online();
  Host host(door(1), "127.0.0.8");
  EXPECT_TRUE(lab_.until([&] { return host.has_ended(); }));
}

TEST_P(MediaCallersTest, WhoPublishesNothingIsNotCalled) {
  be_online(control::PublishUdp{{}});
  Host host(door(), "127.0.0.8");
  EXPECT_TRUE(lab_.until([&] { return host.has_ended(); }));
  EXPECT_TRUE(programs_.empty());
}

TEST_P(MediaCallersTest, TheFlowAndTheConnectionEndTogether) {
  be_online();
  Host first(door(), "127.0.0.8"), second(door(), "127.0.0.8");
  ASSERT_TRUE(lab_.until([&] { return programs_.size() == 2; }));
  auto& one = *programs_[0];
  one.leave();
  ASSERT_TRUE(lab_.until([&] { return first.has_ended() != second.has_ended(); }));
  (first.ended ? second : first).hang_up();
  ASSERT_TRUE(lab_.until([&] { return programs_[1]->reset.has_value(); }));
  EXPECT_EQ(programs_[1]->reset->code, ErrorCode::kClosed);
}

TEST_P(MediaCallersTest, TheConnectionEndsWithTheSessionOfTheEndpoint) {
  be_online();
  Host host(door(), "127.0.0.8");
  ASSERT_TRUE(lab_.until([&] { return programs_.size() == 1; }));
  endpoint_.link->close("enough");
  EXPECT_TRUE(lab_.until([&] { return host.has_ended(); }));
}

TEST_P(MediaCallersTest, NoEndpointCallsInTheNameOfTheService) {
  be_online();
  struct Caller final : session::SessionLink::StreamHandler {
    void on_stream_accepted() override { accepted = true; }
    void on_stream_readable() override {}
    void on_stream_writable() override {}
    void on_stream_reset(const Error& why) override { reset = why; }
    bool accepted = false;
    std::optional<Error> reset;
  } caller;
  ASSERT_TRUE(endpoint_.link->open({Target::Kind::kHostedUdp, "127.0.0.5", 5004, 0, 4000}, caller));
  ASSERT_TRUE(lab_.until([&] { return caller.reset.has_value(); }));
  EXPECT_EQ(caller.reset->code, ErrorCode::kProtocol);
  EXPECT_FALSE(caller.accepted);
}

}  // namespace
}  // namespace culvert::service
