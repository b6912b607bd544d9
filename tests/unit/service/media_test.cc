// Datagrams of an endpoint to hosts that take media by TCP alone (RFC 4571).
#include <fcntl.h>
#include <netinet/in.h>

#include "udp_peers.h"

namespace culvert::service {
namespace {

// Listens at 127.0.0.5, and takes one connection.
class MediaHost {
 public:
  MediaHost() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = ::inet_addr("127.0.0.5");
    socklen_t length = sizeof at;
    const int little = 4096;  // so that what is not read soon is not sent
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
    EXPECT_EQ(::listen(listener_.get(), 4), 0);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&at), &length);
    port = ntohs(at.sin_port);
  }
  std::string heard() {  // all octets so far
    std::array<char, 65536> buffer;
    for (ssize_t got;
         is_called() && (got = ::read(socket_.get(), buffer.data(), buffer.size())) > 0;)
      all_.append(buffer.data(), static_cast<std::size_t>(got));
    return all_;
  }
  bool is_called() {
    if (!socket_) socket_ = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK));
    return static_cast<bool>(socket_);
  }
  void say(std::string_view octets) const {
    EXPECT_EQ(::write(socket_.get(), octets.data(), octets.size()),
              static_cast<ssize_t>(octets.size()));
  }
  bool has_ended() {
    char octet;
    return ::recv(socket_.get(), &octet, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
  }
  void hang_up() { socket_.reset(); }
  void stop_listening() { listener_.reset(); }
  std::uint16_t port = 0;

 private:
  UniqueFd listener_, socket_;
  std::string all_;
};

class MediaTest : public testing::Test {
 protected:
  MediaTest() {
    EXPECT_EQ(endpoint_.enrol().refusal, ErrorCode::kNone);
    endpoint_.connect();
    EXPECT_TRUE(lab_.until([&] { return endpoint_.up; }));
  }
  MediaHost host_;
  ServiceLab lab_{{"127.0.0.5/32"}, {}, [](Config& config) {
                    config.forwarding.media_by_tcp = {*IpPrefix::parse("127.0.0.5/32")};
                    config.gateways = {
                        {*NumberPattern::parse("+49*"), {"127.0.0.6", 0}, {}, false},
                        {*NumberPattern::parse("+4930*"), {"127.0.0.5", 0}, {}, true}};
                  }};
  TestEndpoint endpoint_{lab_, "a.example.net"};
};

using std::string_literals::operator""s;

TEST_F(MediaTest, EachDatagramIsAFrameThereAndEachFrameADatagramHere) {
  Asker asker(endpoint_, "127.0.0.5", host_.port);
  asker.send("rtp");  // both wait for the connection
  asker.send("rtcp!");
  ASSERT_TRUE(lab_.until([&] { return host_.heard() == "\0\3rtp\0\5rtcp!"s; })) << host_.heard();
  host_.say("\0\4one!\0\0\0\2"s);
  ASSERT_TRUE(lab_.until([&] { return asker.heard.size() == 1; }));
  host_.say("2\x7f"s);
  ASSERT_TRUE(lab_.until([&] { return asker.heard.size() == 2; }));
  EXPECT_EQ(asker.heard, (std::vector<std::string>{"one!", "2\x7f"}));
}

TEST_F(MediaTest, ANumberOfAGatewayThatTakesMediaByTcpLeadsThere) {
  Asker phone(endpoint_, "4930123456.example.net", host_.port);
  phone.send("rtp");
  EXPECT_TRUE(lab_.until([&] { return host_.heard() == "\0\3rtp"s; }));
}

TEST_F(MediaTest, ARefusedConnectionIsToldAsAPortWithoutAProgram) {
  host_.stop_listening();
  Asker asker(endpoint_, "127.0.0.5", host_.port);
  asker.send("rtp");
  ASSERT_TRUE(lab_.until([&] { return asker.reset.has_value(); }));
  EXPECT_EQ(asker.reset->code, ErrorCode::kRefused);
}

TEST_F(MediaTest, TheFlowEndsWithTheConnection) {
  Asker asker(endpoint_, "127.0.0.5", host_.port);
  asker.send("rtp");
  ASSERT_TRUE(lab_.until([&] { return !host_.heard().empty(); }));
  host_.hang_up();
  ASSERT_TRUE(lab_.until([&] { return asker.reset.has_value(); }));
  EXPECT_EQ(asker.reset->code, ErrorCode::kClosed);
}

TEST_F(MediaTest, TheConnectionEndsWithTheFlow) {
  Asker asker(endpoint_, "127.0.0.5", host_.port);
  asker.send("rtp");
  ASSERT_TRUE(lab_.until([&] { return !host_.heard().empty(); }));
  asker.leave();
  EXPECT_TRUE(lab_.until([&] { return host_.has_ended(); }));
}

// Of what a far end does not read in time the rest is dropped: whole frames, never a part of one.
TEST_F(MediaTest, WhatComesTooLateIsDroppedInWholeFrames) {
  Asker asker(endpoint_, "127.0.0.5", host_.port);
  asker.send("first");
  ASSERT_TRUE(lab_.until([&] { return host_.is_called(); }));
  const std::string packet(1200, 'x');
  const auto end = loop::Loop::precise_now() + std::chrono::milliseconds{300};
  int sent = 0;
  ASSERT_TRUE(lab_.until([&] {
    for (int i = 0; i < 50; ++i, ++sent) asker.send(packet);
    return loop::Loop::precise_now() > end;
  }));
  std::string all;  // now the far end reads again
  ASSERT_TRUE(lab_.until([&] {
    asker.send("last");
    return (all = host_.heard()).ends_with("\0\4last"s);
  }));
  std::size_t at = 0;
  int packets = 0;
  for (; at + 2 <= all.size(); ++packets) {
    const auto length = static_cast<std::size_t>(static_cast<unsigned char>(all[at])) << 8 |
                        static_cast<unsigned char>(all[at + 1]);
    ASSERT_TRUE(length == 5 || length == 4 || length == packet.size()) << "frame " << packets;
    at += 2 + length;
  }
  EXPECT_EQ(at, all.size());
  EXPECT_LT(packets, sent / 2) << "of " << sent;
}

}  // namespace
}  // namespace culvert::service
