#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>

#include "tunnel/base/fifo.h"

#include <random>

#include "tunnel/base/address.h"
#include "tunnel/base/byte_codec.h"
#include "tunnel/base/byte_queue.h"
#include "tunnel/base/log.h"
#include "tunnel/base/plain_text.h"
#include "tunnel/base/result.h"
#include "tunnel/base/seldom.h"

namespace culvert {
namespace {

TEST(ByteQueue, IsAFifoUnderRandomUseAndHoldsNothingWhenReleased) {
  std::mt19937 rng(1);
  ByteQueue queue;
  ByteVector model;
  for (int i = 0; i < 20'000; ++i) {
    if (rng() % 2 == 0) {
      ByteVector data(rng() % 300);
      for (auto& b : data) b = static_cast<std::byte>(rng());
      queue.append(data);
      append(model, data);
    } else {
      const auto count = rng() % (model.size() + 1);
      queue.pop(count);
      model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(count));
    }
    ASSERT_TRUE(std::equal(model.begin(), model.end(), queue.peek().begin(), queue.peek().end()));
  }
  queue.pop(queue.size());
  queue.release_if_empty();
  EXPECT_EQ(queue.capacity(), 0u);
}

TEST(Reader, StaysFailedAfterAShortRead) {
  const auto raw = from_hex("0102 03");
  Reader in(raw);
  EXPECT_EQ(in.u16(), 0x0102);
  EXPECT_EQ(in.u16(), 0);
  EXPECT_EQ(in.u8(), 0) << "one octet is left, but the failure sticks";
  EXPECT_FALSE(in.ok());
}

TEST(Hex, RoundTripsAndRefusesWhatIsNotHex) {
  EXPECT_EQ(to_hex(from_hex("00 ff 7A")), "00ff7a");
  EXPECT_TRUE(from_hex("0").empty());
  EXPECT_TRUE(from_hex("zz").empty());
}

TEST(IpAddress, ASourceIsOneIpv4AddressOrAnIpv6Network) {
  const auto source = [](std::string_view text) {
    return source_of(*IpAddress::parse(text)).to_string();
  };
  EXPECT_EQ(source("192.0.2.77"), "192.0.2.77");
  EXPECT_EQ(source("::ffff:192.0.2.77"), "192.0.2.77");
  EXPECT_EQ(source("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
}

TEST(IpAddress, CanonicalFormIsWhatAPacketWouldReach) {
  const auto canonical = [](std::string_view text) {
    return IpAddress::parse(text)->canonical().to_string();
  };
  EXPECT_EQ(canonical("::ffff:127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(canonical("::127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(canonical("2002:7f00:1::1"), "127.0.0.1");
  EXPECT_EQ(canonical("64:ff9b::a00:1"), "10.0.0.1");
  EXPECT_EQ(canonical("2001:0:53aa:64c:0:0:f5ff:fffe"), "10.0.0.1");
  EXPECT_EQ(canonical("::1"), "::1");
  EXPECT_EQ(canonical("::"), "::");
  EXPECT_EQ(canonical("2001:db8::1"), "2001:db8::1");
}

TEST(IpAddress, PrivateSharedAndReservedOnesAreNotGlobal) {
  for (const char* address :
       {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255",
        "127.0.0.1", "169.254.1.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "fe80::1", "fd00::1",
        "::1", "::", "ff02::1", "::ffff:10.0.0.1", "2002:a00:1::1"})
    EXPECT_FALSE(IpAddress::parse(address)->is_global()) << address;
  for (const char* address :
       {"9.255.255.255", "11.0.0.0", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1",
        "198.51.100.7", "223.255.255.255", "2001:db8::1", "::ffff:198.51.100.7"})
    EXPECT_TRUE(IpAddress::parse(address)->is_global()) << address;
}

TEST(IpAddress, KindsAreThoseOfWhatAPacketWouldReach) {
  const auto kinds = [](const char* text) {
    const auto address = *IpAddress::parse(text);
    return std::string(address.is_unspecified() ? "u" : "") + (address.is_loopback() ? "l" : "") +
           (address.is_link_local() ? "k" : "") + (address.is_multicast() ? "m" : "");
  };
  for (const char* text : {"0.0.0.0", "0.1.2.3", "::"}) EXPECT_EQ(kinds(text), "u") << text;
  for (const char* text : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", "::127.0.0.1",
                           "64:ff9b::7f00:1", "2002:7f00:1::5"})
    EXPECT_EQ(kinds(text), "l") << text;
  for (const char* text : {"169.254.169.254", "fe80::1", "febf::1", "::ffff:169.254.0.1"})
    EXPECT_EQ(kinds(text), "k") << text;
  for (const char* text : {"224.0.0.1", "255.255.255.255", "240.0.0.1", "ff02::1"})
    EXPECT_EQ(kinds(text), "m") << text;
  for (const char* text : {"10.0.0.1", "223.255.255.255", "fec0::1", "fc00::1", "2001:db8::1"})
    EXPECT_EQ(kinds(text), "") << text;
}

TEST(IpAddress, ParsingIsStrict) {
  for (const auto* text : {"127.1", "0x7f.0.0.1", "1.2.3.4 ", "1.2.3.4:80", "localhost", "",
                           "fe80::1%eth0", "01.2.3.4"})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
}

TEST(IpPrefix, ContainsWhatItShould) {
  const auto prefix = *IpPrefix::parse("127.64.0.0/10");
  EXPECT_TRUE(prefix.contains(*IpAddress::parse("127.127.255.255")));
  EXPECT_FALSE(prefix.contains(*IpAddress::parse("127.128.0.0")));
  EXPECT_FALSE(prefix.contains(*IpAddress::parse("::ffff:127.64.0.1")));
  EXPECT_TRUE(IpPrefix::parse("::/0")->contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_FALSE(IpPrefix::parse("10.0.0.0/33"));
  EXPECT_FALSE(IpPrefix::parse("10.0.0.0/"));
}

TEST(HostPort, RefusesCharactersThatNoHostHas) {
  for (const char* text : {"x y:1", "x\ty", "http://x:1", "root@x:1", "m\xc3\xbcnchen.de", "x\x7f"})
    EXPECT_FALSE(HostPort::parse(text, 443)) << text;
  EXPECT_TRUE(HostPort::parse("a_b-c.example.net", 443));
}

TEST(HostPort, ParsesNamesAndBothFamilies) {
  EXPECT_EQ(*HostPort::parse("example.net:443"), (HostPort{"example.net", 443}));
  EXPECT_EQ(*HostPort::parse("[2001:db8::1]:80"), (HostPort{"2001:db8::1", 80}));
  EXPECT_EQ(*HostPort::parse("example.net", 443), (HostPort{"example.net", 443}));
  for (const auto* text : {"", ":80", "host:", "host:0", "host:65536", "host:http", "::1:80",
                           "[::1", "[::1]x", "host"})
    EXPECT_FALSE(HostPort::parse(text)) << text;
}

TEST(Log, APeersTextCannotForgeAFieldOrALine) {
  EXPECT_EQ(log::format(log::Level::kInfo, "session", {{"why", "a b\n\"x\" k=v"}, {"port", 80}}),
            "info session why=\"a b\\x0a\\\"x\\\" k=v\" port=80");
}

// U+009B begins a sequence for a terminal, as ESC [ does; U+202E turns what follows.
TEST(Log, WhatOthersWroteSteersNoTerminal) {
  const auto line = log::format(log::Level::kInfo, "peer", {{"why", "a\x1b[2J\u009b2J\u202eb"}});
  EXPECT_EQ(line, "info peer why=\"a\\x1b[2J\\xc2\\x9b2J\\xe2\\x80\\xaeb\"");
  EXPECT_EQ(plain_text("a\x1b[2J\u009b2J\nb"), "a?[2J??2J?b");
  EXPECT_EQ(plain_text("a\nb", /*keep_lines=*/true), "a\nb");
}

TEST(ErrorCode, SurvivesTheWayToErrnoAndBackWhereErrnoCanTell) {
  for (const auto code : {ErrorCode::kRefused, ErrorCode::kHostUnreachable,
                          ErrorCode::kNetworkUnreachable, ErrorCode::kTimedOut, ErrorCode::kReset})
    EXPECT_EQ(from_errno(to_errno(code)), code);
}

// curl, asyncio and others take an EAGAIN of connect() for one that is under way.
TEST(ErrorCode, TellsAProgramOfExhaustionWhatItDoesNotTakeForProgress) {
  EXPECT_EQ(to_errno(ErrorCode::kExhausted), ENOBUFS);
}

TEST(Seldom, LetsOneThroughInAMinute) {
  Seldom complaint;
  const TimePoint start{std::chrono::hours{1}};
  EXPECT_TRUE(complaint.due(start));
  EXPECT_FALSE(complaint.due(start + std::chrono::seconds{59}));
  EXPECT_TRUE(complaint.due(start + std::chrono::seconds{60}));
  EXPECT_FALSE(complaint.due(start + std::chrono::seconds{61}));
}

TEST(Fifo, GivesWhatADequeGives) {
  std::mt19937 rng(7);
  Fifo<std::unique_ptr<int>> fifo;
  std::deque<int> expected;
  for (int i = 0; i < 20'000; ++i) {
    if (rng() % 2 == 0 || expected.empty()) {
      fifo.push_back(std::make_unique<int>(i));
      expected.push_back(i);
    } else {
      ASSERT_EQ(*fifo.front(), expected.front());
      fifo.pop_front();
      expected.pop_front();
    }
    ASSERT_EQ(fifo.size(), expected.size());
  }
  EXPECT_TRUE(std::equal(fifo.begin(), fifo.end(), expected.begin(), expected.end(),
                         [](const auto& a, int b) { return *a == b; }));
}

TEST(Fifo, PutsAnotherBeforeItself) {
  Fifo<int> one, other;
  for (const int i : {3, 4}) one.push_back(i);
  for (const int i : {0, 1, 2}) other.push_back(i);
  other.pop_front();
  one.prepend(std::move(other));
  EXPECT_EQ(std::vector<int>(one.begin(), one.end()), (std::vector<int>{1, 2, 3, 4}));
}

}  // namespace
}  // namespace culvert
