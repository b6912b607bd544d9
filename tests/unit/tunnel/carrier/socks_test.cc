#include "tunnel/carrier/socks.h"

#include "tests/unit/tunnel/carrier/script.h"

namespace culvert::carrier {
namespace {

using Login = std::optional<Socks::Login>;

const HostPort kName{"service.example.net", 443};
const HostPort kAddress{"192.0.2.1", 443};
constexpr std::string_view kName5{"\x05\x01\x00\x03\x13service.example.net\x01\xbb", 26};
constexpr std::string_view kDone5{"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10};

std::unique_ptr<Layer> make(ProxyKind kind, const HostPort& target, const Login& login = {},
                            std::optional<IpAddress> address = {}) {
  auto layer = Socks::make(kind, target, address, login);
  EXPECT_TRUE(layer) << layer.error().detail;
  return *std::move(layer);
}

class SocksScript : public Scripted {
 protected:
  void log_in(Layer& layer) {  // as ann
    EXPECT_EQ(said(layer), std::string("\x05\x02\x00\x02", 4));
    ASSERT_TRUE(hear(layer, "\x05\x02"));
    EXPECT_EQ(said(layer),
              "\x01\x03"
              "ann\x06secret");
    ASSERT_TRUE(hear(layer, std::string_view("\x01\x00", 2)));
  }
};

TEST_P(SocksScript, Socks5AsksForTheNameInTwoSteps) {
  const auto layer = make(ProxyKind::kSocks5, kName);
  EXPECT_EQ(said(*layer), std::string("\x05\x01\x00", 3));
  ASSERT_TRUE(hear(*layer, std::string_view("\x05\x00", 2)));
  EXPECT_EQ(said(*layer), kName5);
  EXPECT_FALSE(layer->established());
  ASSERT_TRUE(hear(*layer, kDone5));
  EXPECT_TRUE(layer->established());
}

TEST_P(SocksScript, Socks5LogsInAndTakesEachFormOfReply) {
  for (const auto& reply :
       {std::string("\x05\x00\x00\x03\x02xy\x00\x01", 9),
        std::string("\x05\x00\x00\x04", 4) + std::string(18, '\1'), std::string(kDone5)}) {
    const auto layer = make(ProxyKind::kSocks5, kAddress, Socks::Login{"ann", "secret"});
    ASSERT_NO_FATAL_FAILURE(log_in(*layer));
    EXPECT_EQ(said(*layer), std::string("\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb", 10));
    ASSERT_TRUE(hear(*layer, reply));
    EXPECT_TRUE(layer->established());
  }
}

TEST_P(SocksScript, Socks4SendsAnAddressAnd4aAName) {
  const std::string granted("\x00\x5a\x01\xbb\x00\x00\x00\x00", 8);
  auto layer = make(ProxyKind::kSocks4, kName, Socks::Login{"ann", "secret"},
                    *IpAddress::parse("192.0.2.9"));
  EXPECT_EQ(said(*layer), std::string("\x04\x01\x01\xbb\xc0\x00\x02\x09"
                                      "ann\x00",
                                      12));
  ASSERT_TRUE(hear(*layer, granted));
  EXPECT_TRUE(layer->established());
  layer = make(ProxyKind::kSocks4a, kName, {}, *IpAddress::parse("192.0.2.9"));
  EXPECT_EQ(said(*layer),
            std::string("\x04\x01\x01\xbb\x00\x00\x00\x01\x00service.example.net\x00", 29));
  ASSERT_TRUE(hear(*layer, granted));
  EXPECT_TRUE(layer->established());
  layer = make(ProxyKind::kSocks4a, kAddress);
  EXPECT_EQ(said(*layer), std::string("\x04\x01\x01\xbb\xc0\x00\x02\x01\x00", 9));
}

TEST_P(SocksScript, GivesEachReplyCodeItsMeaning) {
  const std::pair<char, ErrorCode> five[] = {{1, ErrorCode::kHostUnreachable},
                                             {2, ErrorCode::kNotPermitted},
                                             {3, ErrorCode::kNetworkUnreachable},
                                             {4, ErrorCode::kHostUnreachable},
                                             {5, ErrorCode::kRefused},
                                             {6, ErrorCode::kTimedOut},
                                             {7, ErrorCode::kProtocol},
                                             {8, ErrorCode::kProtocol},
                                             {99, ErrorCode::kProtocol}};
  for (const auto& [reply, code] : five) {
    const auto layer = make(ProxyKind::kSocks5, kName);
    ASSERT_TRUE(hear(*layer, std::string_view("\x05\x00", 2)));
    const auto done = hear(*layer, std::string{'\x05', reply});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, code) << int{reply};
    EXPECT_NE(done.error().detail.find("service.example.net:443"), std::string::npos);
  }
  const std::pair<char, ErrorCode> four[] = {{91, ErrorCode::kNotPermitted},
                                             {92, ErrorCode::kAuthentication},
                                             {93, ErrorCode::kAuthentication},
                                             {1, ErrorCode::kProtocol}};
  for (const auto& [reply, code] : four) {
    const auto layer = make(ProxyKind::kSocks4, kAddress);
    const auto done = hear(*layer, std::string{'\0', reply, 0, 0, 0, 0, 0, 0});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, code) << int{reply};
  }
}

TEST_P(SocksScript, RefusesWhatIsNoSocksAndOctetsBehindTheReply) {
  for (const auto kind : {ProxyKind::kSocks4, ProxyKind::kSocks5}) {
    const auto layer = make(kind, kAddress);
    const auto error = error_after(*layer, "HTTP/1.1 400 Bad Request\r\n");
    EXPECT_NE(error.find("no SOCKS there"), std::string::npos) << error;
  }
  const auto strange = make(ProxyKind::kSocks5, kName);
  EXPECT_NE(error_after(*strange, std::string_view("\x05\x00\x05\x00\x00\x07\x01", 7)), "none");
  const auto eager = make(ProxyKind::kSocks5, kName);
  ASSERT_TRUE(eager->receive(as_bytes(std::string_view("\x05\x00", 2))));
  const auto done = eager->receive(as_bytes(std::string(kDone5) + "x"));
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().detail.find("octets of its own"), std::string::npos);
}

TEST_P(SocksScript, Socks5IsAskedToRelayDatagramsAndSaysWhere) {
  const auto ask = std::string("\x05\x03\x00\x01", 4) + std::string(6, '\0');
  auto layer = Socks::associate(Socks::Login{"ann", "secret"});
  ASSERT_NO_FATAL_FAILURE(log_in(*layer));
  EXPECT_EQ(said(*layer), ask);
  ASSERT_TRUE(hear(*layer, std::string_view("\x05\x00\x00\x01\xc0\x00\x02\x07\x12\x34", 10)));
  EXPECT_TRUE(layer->established());
  EXPECT_EQ(layer->bound().to_string(), "192.0.2.7:4660");
}

TEST_P(SocksScript, SaysWhyAProxyRelaysNoDatagrams) {
  const std::pair<std::string, std::string> refusals[] = {
      {std::string("\x05\x00\x05\x07", 4), "does not know UDP ASSOCIATE"},
      {std::string("\x05\x00\x05\x02", 4), "its rules forbid it"},
      {std::string("\x05\x00\x05\x00\x00\x01\xc0\x00\x02\x07\x00\x00", 12), "no address"},
      {std::string("\x05\x00\x05\x00\x00\x03\x02xy\x00\x01", 11), "no address"}};
  for (const auto& [answer, why] : refusals) {
    const auto error = error_after(*Socks::associate({}), answer);
    EXPECT_NE(error.find(why), std::string::npos) << error;
  }
}

TEST_P(SocksScript, SaysWhyALoginFailed) {
  const auto none = make(ProxyKind::kSocks5, kName);
  EXPECT_NE(error_after(*none, "\x05\xff").find("wants a user and password"), std::string::npos);
  const auto unknown = make(ProxyKind::kSocks5, kName, Socks::Login{"ann", "hunter2"});
  EXPECT_NE(error_after(*unknown, "\x05\xff").find("GSSAPI"), std::string::npos);
  const auto wrong = make(ProxyKind::kSocks5, kName, Socks::Login{"ann", "hunter2"});
  const auto error = error_after(*wrong, "\x05\x02\x01\x01");
  EXPECT_NE(error.find("does not accept"), std::string::npos);
  EXPECT_EQ(error.find("hunter2"), std::string::npos);
  EXPECT_FALSE(wrong->receive_end());
}

INSTANTIATE_TEST_SUITE_P(Seeds, SocksScript, testing::Range(0u, 8u));

TEST(Socks, VersionFourNeedsAnIpv4Address) {
  EXPECT_FALSE(Socks::make(ProxyKind::kSocks4, kName, {}, {}));
  EXPECT_FALSE(Socks::make(ProxyKind::kSocks4, kName, *IpAddress::parse("2001:db8::1"), {}));
  EXPECT_FALSE(Socks::make(ProxyKind::kSocks4a, {"2001:db8::1", 443}, {}, {}));
  EXPECT_TRUE(Socks::make(ProxyKind::kSocks4, kAddress, {}, {}));
}

}  // namespace
}  // namespace culvert::carrier
