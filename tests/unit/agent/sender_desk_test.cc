#include "agent/sender_desk.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "shim/wire.h"
#include "tunnel/loop/local_address.h"
#include "tunnel/loop/udp_socket.h"

namespace culvert::agent {
namespace {

const SocketAddress kCaller{IpAddress::v4(0x7f40'0001), 5000},
    kOther{IpAddress::v4(0x7f40'0002), 0};

class SenderDeskTest : public testing::Test {
 protected:
  void SetUp() override {
    sockaddr_storage address{};
    const auto length = SocketAddress{*IpAddress::parse("::1"), 0}.fill(address);
    ASSERT_EQ(::bind(server_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    at_ = loop::local_address(server_.get());
  }
  UniqueFd server_ = loop::make_udp_socket(AF_INET6);
  SocketAddress at_;
  SenderDesk desk_;
};

TEST_F(SenderDeskTest, ACallerHasAPortOfTheServersAddress) {
  auto sender = desk_.open(kCaller, at_);
  ASSERT_TRUE(sender) << sender.error().detail;
  const auto from = loop::local_address(sender->socket.get());
  EXPECT_EQ(from.ip, at_.ip);
  EXPECT_GE(from.port, CULVERT_ELSEWHERE_FIRST);
  EXPECT_LE(from.port, CULVERT_ELSEWHERE_LAST);
  EXPECT_EQ(desk_.caller_at(from), kCaller);
  EXPECT_EQ(desk_.sender_for(kCaller, at_.port), from);
  EXPECT_FALSE(desk_.sender_for(kCaller, static_cast<std::uint16_t>(at_.port + 1)));
  EXPECT_FALSE(desk_.caller_at(at_));
}

TEST_F(SenderDeskTest, AServerOnEveryAddressIsCalledAtLoopback) {
  auto sender = desk_.open(kCaller, {*IpAddress::parse("::"), at_.port});
  ASSERT_TRUE(sender) << sender.error().detail;
  EXPECT_EQ(loop::peer_address(sender->socket.get()), at_);
}

TEST_F(SenderDeskTest, ACallerWhosePortIsNotToldHasOne) {
  auto sender = desk_.open(kOther, at_);
  ASSERT_TRUE(sender);
  const auto shown = desk_.caller_at(loop::local_address(sender->socket.get()));
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->ip, kOther.ip);
  EXPECT_NE(shown->port, 0);
}

// A datagram of his may still be unread, and must not be taken for one of this machine.
TEST_F(SenderDeskTest, WhoHasGoneIsRemembered) {
  SocketAddress from;
  {
    auto sender = desk_.open(kCaller, at_);
    ASSERT_TRUE(sender);
    from = loop::local_address(sender->socket.get());
  }
  EXPECT_EQ(desk_.caller_at(from), kCaller);
  EXPECT_EQ(desk_.sender_for(kCaller, at_.port), from);
  auto again = desk_.open(kCaller, at_);
  ASSERT_TRUE(again);
  EXPECT_EQ(desk_.sender_for(kCaller, at_.port), loop::local_address(again->socket.get()));
}

TEST_F(SenderDeskTest, PortsOfThoseWhoHaveGoneAreUsedAgain) {
  for (int i = 0; i < 6000; ++i) {
    const SocketAddress caller{kCaller.ip, static_cast<std::uint16_t>(i + 1)};
    auto sender = desk_.open(caller, at_);
    ASSERT_TRUE(sender) << i << ": " << sender.error().detail;
    ASSERT_EQ(desk_.caller_at(loop::local_address(sender->socket.get())), caller);
  }
}

}  // namespace
}  // namespace culvert::agent
