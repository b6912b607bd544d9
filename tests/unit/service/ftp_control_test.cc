#include "service/ftp_control.h"

#include <gtest/gtest.h>

#include <random>

namespace culvert::service {
namespace {

const SocketAddress kHere = *SocketAddress::parse("198.51.100.10:443");

std::string replies(FtpControl& control, std::string_view text, unsigned seed = 0) {
  std::mt19937 random(seed);
  std::string out;
  while (!text.empty()) {
    const auto count = std::min<std::size_t>(text.size(), 1 + random() % (1 + seed % 30));
    const auto some = control.receive(as_bytes(text.substr(0, count)));
    if (!some) return out + "FAILED";
    out += *some;
    text.remove_prefix(count);
  }
  return out;
}

class FtpControlCuts : public testing::TestWithParam<unsigned> {};

TEST_P(FtpControlCuts, LetsAProxyInAndNamesItsOwnPortForTheData) {
  FtpControl control(kHere);
  EXPECT_EQ(replies(control, "USER anonymous\r\nPASS x@y\r\nTYPE I\r\npasv\n", GetParam()),
            "331 Any password will do.\r\n230 Logged in.\r\n200 Done.\r\n"
            "227 Entering Passive Mode (198,51,100,10,1,187).\r\n");
  EXPECT_FALSE(control.transferring());
  EXPECT_EQ(replies(control, "RETR /any/file\r\n", GetParam()), "150 Here it comes.\r\n");
  EXPECT_TRUE(control.transferring());
  EXPECT_EQ(replies(control, "QUIT\r\nNOOP\r\n", GetParam()), "221 Goodbye.\r\n");
  EXPECT_TRUE(control.over());
}

INSTANTIATE_TEST_SUITE_P(Seeds, FtpControlCuts, testing::Range(0u, 20u));

TEST(FtpControl, KnowsExtendedPassiveModeForIpv6) {
  FtpControl control(*SocketAddress::parse("[2001:db8::1]:21"));
  EXPECT_EQ(replies(control, "EPSV ALL\r\nEPSV\r\n"),
            "200 Done.\r\n229 Entering Extended Passive Mode (|||21|)\r\n");
  EXPECT_EQ(replies(control, "PASV\r\n").substr(0, 3), "425");
}

// An FTP server that connects to where it is told is a weapon (RFC 2577 section 3).
TEST(FtpControl, ConnectsToNobody) {
  FtpControl control(kHere);
  EXPECT_EQ(replies(control, "PORT 192,0,2,1,0,80\r\nEPRT |1|192.0.2.1|80|\r\nSTOR x\r\n"),
            "502 Not here.\r\n502 Not here.\r\n502 Not here.\r\n");
  EXPECT_FALSE(control.transferring());
}

TEST(FtpControl, EndsWithWhateverIsNoFtp) {
  for (const std::string bad :
       {"GET / HTTP/1.1\r\nHost: x\r\n", "\r\n", "A B\r\n", "\x16\x03\x01\n", "USER-X\r\n"}) {
    FtpControl control(kHere);
    const auto out = replies(control, bad);
    EXPECT_TRUE(out.ends_with("FAILED")) << bad << ": " << out;
  }
  FtpControl control(kHere);
  EXPECT_EQ(replies(control, "USER " + std::string(600, 'x')), "FAILED");
}

}  // namespace
}  // namespace culvert::service
