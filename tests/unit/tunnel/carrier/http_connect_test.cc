#include "tunnel/carrier/http_connect.h"

#include "tests/unit/tunnel/carrier/script.h"

namespace culvert::carrier {
namespace {

const HostPort kService{"service.example.net", 443};

std::shared_ptr<ProxyLogin> nobody() {
  static SystemRandom random;
  return std::make_shared<ProxyLogin>(std::nullopt, random, UnixTime{});
}

class HttpConnectScript : public Scripted {};

TEST_P(HttpConnectScript, AsksOnceAndIsEstablishedByAny200) {
  for (const auto* answer : {"HTTP/1.1 200 Connection established\r\n\r\n", "HTTP/1.0 200\r\n\r\n",
                             "HTTP/1.1 200 OK\nContent-Length: 17\nVia: x\n\n",
                             "HTTP/1.1 103 Early\r\nLink: y\r\n\r\nHTTP/1.1 299 "
                             "Fine\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    HttpConnect layer(kService, nobody());
    EXPECT_EQ(said(layer),
              "CONNECT service.example.net:443 HTTP/1.1\r\nHost: service.example.net:443\r\n"
              "Proxy-Connection: keep-alive\r\n\r\n");
    ASSERT_TRUE(hear(layer, answer)) << answer;
    EXPECT_TRUE(layer.established()) << answer;
    EXPECT_FALSE(layer.wants_input());
    EXPECT_EQ(said(layer), "");
  }
}

TEST_P(HttpConnectScript, SaysWhatARefusalMeans) {
  const struct {
    const char* answer;
    ErrorCode code;
    const char* part;
  } cases[] = {
      {"HTTP/1.1 403 Forbidden\r\n\r\n", ErrorCode::kNotPermitted,
       "403 Forbidden: its rules forbid"},
      {"HTTP/1.1 405 No\r\n\r\n", ErrorCode::kProtocol, "does not know CONNECT"},
      {"HTTP/1.1 503 x\r\n\r\n", ErrorCode::kHostUnreachable, "does not reach the service"},
      {"HTTP/1.1 504 x\r\n\r\n", ErrorCode::kTimedOut, "in time"},
      {"HTTP/1.1 407 Who\r\n\r\n", ErrorCode::kAuthentication, "wants to know who asks"},
      {"HTTP/1.1 302 Go\r\nLocation: http://portal/\x01\r\n\r\n", ErrorCode::kProtocol,
       "'http://portal/.': a captive portal"},
      {"HTTP/1.1 101 Switching\r\n\r\n", ErrorCode::kProtocol, "interim"},
      {"SSH-2.0-OpenSSH\r\n", ErrorCode::kProtocol, "no HTTP there: it answered 'S"},
      {"HTTP/2.0 200 OK\r\n\r\n", ErrorCode::kProtocol, "no HTTP there"},
      {"HTTP/1.1 20 OK\r\n\r\n", ErrorCode::kProtocol, "not proper HTTP"},
      {"HTTP/1.1 200 OK\r\nno header\r\n\r\n", ErrorCode::kProtocol, "is no header"},
      {"HTTP/1.1 200 OK\r\n folded\r\n\r\n", ErrorCode::kProtocol, "begins with a space"},
      {"HTTP/1.1 200 OK\r\n\r\nmore", ErrorCode::kProtocol, "octets of its own"},
  };
  for (const auto& one : cases) {
    HttpConnect layer(kService, nobody());
    (void)said(layer);
    const auto done = hear(layer, one.answer);
    if (done && layer.established()) {  // the octets behind came alone: then nobody takes them
      EXPECT_STREQ(one.part, "octets of its own");
      continue;
    }
    ASSERT_FALSE(done) << one.answer;
    EXPECT_EQ(done.error().code, one.code) << one.answer;
    EXPECT_NE(done.error().detail.find(one.part), std::string::npos) << done.error().detail;
  }
}

TEST_P(HttpConnectScript, RecommendsPort443OnlyWhereItWasAnother) {
  for (const std::uint16_t port : {std::uint16_t{443}, std::uint16_t{8443}}) {
    HttpConnect layer({"service.example.net", port}, nobody());
    (void)said(layer);
    const auto why = error_after(layer, "HTTP/1.1 403 Forbidden\r\n\r\n");
    EXPECT_EQ(why.find("let only port 443 pass") == std::string::npos, port == 443) << why;
  }
}

TEST_P(HttpConnectScript, BoundsWhatAHostileProxySays) {
  HttpConnect endless(kService, nobody());
  std::string answer = "HTTP/1.1 200 OK\r\n";
  while (answer.size() < 80'000) answer += "X-Filler: " + std::string(500, 'x') + "\r\n";
  EXPECT_NE(error_after(endless, answer).find("64 KiB"), std::string::npos);
  HttpConnect many(kService, nobody());
  answer = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 300; ++i) answer += "A: b\r\n";
  EXPECT_NE(error_after(many, answer + "\r\n").find("256 headers"), std::string::npos);
  HttpConnect drip(kService, nobody());
  answer.clear();
  for (int i = 0; i < 20; ++i) answer += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_NE(error_after(drip, answer).find("interim"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Seeds, HttpConnectScript, testing::Range(0u, 12u));

TEST(HttpConnect, SaysWhenTheProxyEndsTheConnection) {
  HttpConnect silent(kService, nobody());
  auto end = silent.receive_end();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::kReset);
  EXPECT_NE(end.error().detail.find("without an answer"), std::string::npos);
  HttpConnect half(kService, nobody());
  ASSERT_TRUE(half.receive(as_bytes("HTTP/1.1 200 O")));
  end = half.receive_end();
  ASSERT_FALSE(end);
  EXPECT_NE(end.error().detail.find("in the middle"), std::string::npos);
  EXPECT_FALSE(half.receive(as_bytes("K\r\n\r\n"))) << "a failed layer stays so";
}

TEST(HttpBody, IsPassedOverWhateverItsForm) {
  const struct {
    const char* head;
    const char* body;
  } cases[] = {
      {"Content-Length: 5", "hello"},
      {"Transfer-Encoding: chunked", "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: z\r\n\r\n"},
      {"Content-Length: 0", ""},
  };
  for (const auto& one : cases) {
    std::size_t taken = 0;
    const auto text = "HTTP/1.1 407 x\r\n" + std::string(one.head) + "\r\n\r\n";
    const auto head = parse_http_answer(as_bytes(text), taken);
    ASSERT_TRUE(head && *head);
    auto body = HttpBody::behind(**head);
    ASSERT_TRUE(body);
    const auto wire = std::string(one.body) + "HTTP/1.1";
    std::size_t at = 0, window = 1;
    while (!body->ended()) {
      ASSERT_LE(at + window, wire.size()) << one.head;
      const auto count = body->skip(as_bytes(wire).subspan(at, window));
      ASSERT_TRUE(count) << count.error().detail;
      at += *count;
      window = *count == 0 ? window + 1 : 1;
    }
    EXPECT_EQ(at, std::string_view(one.body).size()) << one.head;
  }
}

TEST(HttpBody, IsRefusedWhereItsLengthIsAGuess) {
  for (const auto* head : {"Content-Length: 5\r\nContent-Length: 6", "Content-Length: -1",
                           "Content-Length: 99999999999999999999", "Transfer-Encoding: gzip"}) {
    std::size_t taken = 0;
    const auto text = "HTTP/1.1 407 x\r\n" + std::string(head) + "\r\n\r\n";
    const auto parsed = parse_http_answer(as_bytes(text), taken);
    ASSERT_TRUE(parsed && *parsed);
    EXPECT_FALSE(HttpBody::behind(**parsed)) << head;
  }
}

}  // namespace
}  // namespace culvert::carrier
