#include "service/ftp_control.h"

#include <gtest/gtest.h>

#include <random>

namespace culvert::service {
namespace {

const SocketAddress kHere = *SocketAddress::parse("198.51.100.10:443");

struct Doors final : FtpControl::Doors {
  std::optional<std::uint16_t> open_data_port() override {
    ++opened;
    return next;
  }
  int opened = 0;
  std::optional<std::uint16_t> next = 5 * 256 + 7;
};

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
  Doors doors;
  FtpControl control(kHere, doors);
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
  Doors doors;
  FtpControl control(*SocketAddress::parse("[2001:db8::1]:21"), doors);
  EXPECT_EQ(replies(control, "EPSV ALL\r\nEPSV\r\n"),
            "200 Done.\r\n229 Entering Extended Passive Mode (|||21|)\r\n");
  EXPECT_EQ(replies(control, "PASV\r\n").substr(0, 3), "425");
}

// Data connections that carry one direction alone, as through squid's ftp_port.
TEST_P(FtpControlCuts, HasAPairOfFilesWithPortsOfTheirOwn) {
  const std::string pair(32, 'a');
  for (const bool upward : {false, true}) {
    Doors doors;
    FtpControl control(kHere, doors);
    const std::string file = upward ? "STOR file\r\n" : "RETR file\r\n";
    EXPECT_EQ(
        replies(control, "CWD /culvert-" + pair + "\r\nEPSV 1\r\nPASV\r\n" + file, GetParam()),
        "250 Done.\r\n229 Entering Extended Passive Mode (|||1287|)\r\n"
        "227 Entering Passive Mode (198,51,100,10,5,7).\r\n" +
            std::string(upward ? "150 Let it come.\r\n" : "150 Here it comes.\r\n"));
    ASSERT_TRUE(control.half());
    EXPECT_EQ(control.half()->pair, pair);
    EXPECT_EQ(control.half()->upward, upward);
    EXPECT_FALSE(control.transferring());
    EXPECT_EQ(replies(control, "RETR other\r\n").substr(0, 3), "450");
    doors.next.reset();
    EXPECT_EQ(replies(control, "EPSV\r\nPASV\r\n"),
              "425 No port is free for that.\r\n425 No port is free for that.\r\n");
  }
}

TEST(FtpControl, TakesNoOtherFolderForAPair) {
  for (const std::string folder :
       {"/", "/culvert-", "/culvert-abc", "/culvert-0123456789ABCDEF0123456789ABCDEF"}) {
    Doors doors;
    FtpControl control(kHere, doors);
    EXPECT_EQ(replies(control, "CWD " + folder + "\r\nEPSV\r\nSTOR x\r\n"),
              "250 Done.\r\n229 Entering Extended Passive Mode (|||443|)\r\n502 Not here.\r\n")
        << folder;
  }
}

// Each is a socket that listens, and costs a stranger no more than five octets.
TEST(FtpControl, OpensNoMoreThanFourPorts) {
  Doors doors;
  FtpControl control(kHere, doors);
  std::string asked = "CWD /culvert-" + std::string(32, 'b') + "\r\n";
  for (int i = 0; i < 5; ++i) asked += "EPSV\r\n";
  const auto said = replies(control, asked);
  EXPECT_EQ(doors.opened, 4);
  EXPECT_TRUE(said.ends_with("|)\r\n425 No port is free for that.\r\n")) << said;
}

// An FTP server that connects to where it is told is a weapon (RFC 2577 section 3).
TEST(FtpControl, ConnectsToNobody) {
  Doors doors;
  FtpControl control(kHere, doors);
  EXPECT_EQ(replies(control, "PORT 192,0,2,1,0,80\r\nEPRT |1|192.0.2.1|80|\r\nSTOR x\r\n"),
            "502 Not here.\r\n502 Not here.\r\n502 Not here.\r\n");
  EXPECT_FALSE(control.transferring());
}

TEST(FtpControl, EndsWithWhateverIsNoFtp) {
  for (const std::string bad :
       {"GET / HTTP/1.1\r\nHost: x\r\n", "\r\n", "A B\r\n", "\x16\x03\x01\n", "USER-X\r\n"}) {
    Doors doors;
    FtpControl control(kHere, doors);
    const auto out = replies(control, bad);
    EXPECT_TRUE(out.ends_with("FAILED")) << bad << ": " << out;
  }
  Doors doors;
  FtpControl control(kHere, doors);
  EXPECT_EQ(replies(control, "USER " + std::string(600, 'x')), "FAILED");
}

}  // namespace
}  // namespace culvert::service
