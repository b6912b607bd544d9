// The direct port with real connections on loopback.
#include "agent/direct_listener.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace culvert::agent {
namespace {

class DirectListenerTest : public testing::Test,
                           protected DirectListener::Listener,
                           private loop::Timer::Listener {
 protected:
  DirectListenerTest() { EXPECT_TRUE(listener_.listen(0)); }

  UniqueFd connect(Bytes first, std::uint16_t port = 0) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_storage address{};
    const SocketAddress to{IpAddress::v4(0x7f000001), port == 0 ? listener_.port() : port};
    const auto length = to.fill(address);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::send(fd.get(), first.data(), first.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(first.size()));
    return fd;
  }
  // What came back until the end; nothing if it did not end.
  std::optional<ByteVector> read_all(const UniqueFd& fd) {
    ByteVector got;
    const auto end = loop::Loop::precise_now() + std::chrono::seconds{10};
    while (loop::Loop::precise_now() < end) {
      timer_.start(std::chrono::milliseconds{5});
      loop_.run_once();
      std::byte buffer[256];
      const auto count = ::recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (count == 0 || (count < 0 && errno == ECONNRESET)) return got;
      if (count > 0) append(got, Bytes{buffer}.first(static_cast<std::size_t>(count)));
    }
    return std::nullopt;
  }
  template <class Condition>
  bool until(Condition condition) {
    const auto end = loop::Loop::precise_now() + std::chrono::seconds{10};
    while (!condition() && loop::Loop::precise_now() < end) {
      timer_.start(std::chrono::milliseconds{5});
      loop_.run_once();
    }
    return condition();
  }

  void on_direct_hello(std::unique_ptr<loop::BytePipe> pipe, ByteVector received,
                       const SocketAddress&) override {
    hello_ = std::move(received);
    pipes_.push_back(std::move(pipe));
  }
  bool on_dialled_back(const control::OfferToken& token, std::unique_ptr<loop::BytePipe>& pipe,
                       const SocketAddress& from) override {
    from_ = from;
    if (token != known_) return false;
    pipes_.push_back(std::move(pipe));
    return true;
  }
  void on_timer(loop::Timer&) override {}

  loop::Loop loop_;
  loop::Timer timer_{loop_, *this};
  DirectListener listener_{loop_, *this};
  control::OfferToken known_{std::byte{7}};
  std::vector<std::unique_ptr<loop::BytePipe>> pipes_;
  ByteVector hello_;
  SocketAddress from_;
};

TEST_F(DirectListenerTest, AHelloIsHandedOnWithWhatWasReadOfIt) {
  const auto fd = connect(from_hex("c7565401 0102"));
  ASSERT_TRUE(until([&] { return !pipes_.empty(); }));
  EXPECT_EQ(hello_, from_hex("c7565401 0102"));
}

TEST_F(DirectListenerTest, ASecondPortTakesTheSame) {
  const auto first = listener_.port();
  ASSERT_TRUE(listener_.listen_second());
  EXPECT_EQ(listener_.port(), first);
  ASSERT_NE(listener_.second_port(), first);
  const auto hello = connect(from_hex("c7565401 0102"), listener_.second_port());
  ASSERT_TRUE(until([&] { return pipes_.size() == 1; }));
  const auto token = connect(punch::reversed_preamble(known_), listener_.second_port());
  ASSERT_TRUE(until([&] { return pipes_.size() == 2; }));
  const auto again = connect(punch::reversed_preamble(known_));
  EXPECT_TRUE(until([&] { return pipes_.size() == 3; }));
}

TEST_F(DirectListenerTest, APortThatIsNewerThanALossServesAllThatWasLostBefore) {
  const auto lost = loop_.now() - std::chrono::seconds{1};
  const auto fresh = listener_.port_since(lost);
  ASSERT_NE(fresh, 0);
  EXPECT_NE(fresh, listener_.port());
  EXPECT_EQ(listener_.port_since(lost - std::chrono::seconds{5}), fresh);
  const auto newer = listener_.port_since(loop_.now());
  EXPECT_NE(newer, fresh);
  const auto hello = connect(from_hex("c7565401 0102"), fresh);
  EXPECT_TRUE(until([&] { return pipes_.size() == 1; })) << "the one before is open";
  EXPECT_NE(listener_.port_since(loop_.now() + std::chrono::seconds{1}), newer);
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_storage address{};
  const auto length = SocketAddress{IpAddress::v4(0x7f000001), fresh}.fill(address);
  EXPECT_NE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length), 0)
      << "those before are not";
}

TEST_F(DirectListenerTest, OnlyAKnownTokenIsTaken) {
  const auto good = connect(punch::reversed_preamble(known_));
  ASSERT_TRUE(until([&] { return !pipes_.empty(); }));
  EXPECT_EQ(from_.ip, IpAddress::v4(0x7f000001)) << "no v4-mapped address";
  EXPECT_EQ(read_all(connect(punch::reversed_preamble({}))), ByteVector{});
}

TEST_F(DirectListenerTest, ATrialIsAnsweredOnceAndOnlyIfItIsExpected) {
  const control::TrialSecret secret{std::byte{9}};
  const auto trial = punch::trial_preamble(secret);
  EXPECT_EQ(read_all(connect(trial)), ByteVector{});
  listener_.expect_trial(secret);
  EXPECT_EQ(read_all(connect(punch::trial_preamble({}))), ByteVector{});
  EXPECT_EQ(read_all(connect(trial)), trial);
  EXPECT_EQ(read_all(connect(trial)), ByteVector{});
}

TEST_F(DirectListenerTest, WhatSpeaksSomethingElseIsClosedWithoutAWord) {
  EXPECT_EQ(read_all(connect(as_bytes("GET / HTTP/1.1\r\n\r\n"))), ByteVector{});
  EXPECT_EQ(read_all(connect(from_hex("16030102"))), ByteVector{});
  EXPECT_TRUE(pipes_.empty());
}

TEST_F(DirectListenerTest, OneAddressHasAFewPlacesOnly) {
  std::vector<UniqueFd> silent;
  for (std::size_t i = 0; i < DirectListener::kMostOfOneAddress; ++i)
    silent.push_back(connect(from_hex("c7")));
  EXPECT_EQ(read_all(connect(from_hex("c7"))), ByteVector{}) << "one too many";
}

}  // namespace
}  // namespace culvert::agent
