#include "tunnel/carrier/websocket.h"

#include "tests/unit/tunnel/carrier/script.h"
#include "tests/unit/tunnel/seeded_random.h"

namespace culvert::carrier {
namespace {

std::string key_of(const std::string& request) {
  constexpr std::string_view kField = "Sec-WebSocket-Key: ";
  const auto at = request.find(kField) + kField.size();
  return request.substr(at, request.find("\r\n", at) - at);
}

class WebSocketScript : public Scripted {
 protected:
  SeededRandom random_{GetParam() + 1};
  std::unique_ptr<WebSocket> client_ = WebSocket::client({"/", "service.example.net", {}}, random_);

  std::string good_answer() {
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"
           "Sec-WebSocket-Accept: " +
           websocket_accept(key_of(said(*client_))) + "\r\n\r\n";
  }
  void open() { ASSERT_TRUE(hear(*client_, good_answer())); }
};

TEST(WebSocket, ProvesThatItReadTheKey) {  // RFC 6455 section 1.3
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_P(WebSocketScript, AsksForTheUpgradeAndIsOpenWithTheRightAnswer) {
  const auto request = said(*client_);
  EXPECT_TRUE(
      request.starts_with("GET / HTTP/1.1\r\nHost: service.example.net\r\nUpgrade: "
                          "websocket\r\nConnection: Upgrade\r\n"));
  EXPECT_EQ(key_of(request).size(), 24u);
  ASSERT_TRUE(hear(*client_,
                   "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 101 x\r\nUpgrade: websocket\r\n"
                   "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: " +
                       websocket_accept(key_of(request)) + "\r\n\r\n\x82\x03xyz"));
  EXPECT_TRUE(client_->established());
  EXPECT_EQ(as_text(client_->readable()), "xyz") << "octets right behind the answer count";
}

TEST_P(WebSocketScript, TellsAProxyThatAsksWhoAsksForTheUpgrade) {
  const std::string pages[] = {"Content-Length: 2\r\n\r\nhi",
                               "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"};
  for (const auto& page : pages) {
    auto login =
        std::make_shared<ProxyLogin>(ProxyCredentials{"", "ann", "secret"}, random_, UnixTime{});
    const auto layer = WebSocket::client({"http://h/", "h", {}}, random_, login);
    const auto first = said(*layer);
    EXPECT_EQ(first.find("Authorization"), first.npos);
    ASSERT_TRUE(hear(*layer, "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"x\"\r\n" + page));
    const auto second = said(*layer);
    EXPECT_TRUE(second.starts_with("GET http://h/ HTTP/1.1\r\n"));
    EXPECT_NE(second.find("Proxy-Authorization: Basic YW5uOnNlY3JldA==\r\n"), second.npos);
    EXPECT_NE(key_of(first), key_of(second));
    ASSERT_TRUE(hear(*layer,
                     "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: " +
                         websocket_accept(key_of(second)) + "\r\n\r\n\x82\x03xyz"));
    EXPECT_TRUE(layer->established());
    EXPECT_EQ(as_text(layer->readable()), "xyz");
  }
}

TEST_P(WebSocketScript, WantsANewConnectionWhereTheProxyEndsItWithItsQuestion) {
  auto login =
      std::make_shared<ProxyLogin>(ProxyCredentials{"", "ann", "secret"}, random_, UnixTime{});
  const auto layer = WebSocket::client({"http://h/", "h", {}}, random_, login);
  EXPECT_FALSE(hear(*layer, "HTTP/1.0 407 x\r\nProxy-Authenticate: Basic\r\n\r\n"));
  EXPECT_TRUE(layer->wants_new_connection());
  const auto again = WebSocket::client({"http://h/", "h", {}}, random_, login);
  EXPECT_NE(said(*again).find("Proxy-Authorization: Basic "), std::string::npos);
}

TEST_P(WebSocketScript, SaysThatAProxyDoesNotAcceptTheLogin) {
  auto login =
      std::make_shared<ProxyLogin>(ProxyCredentials{"", "ann", "secret"}, random_, UnixTime{});
  const auto layer = WebSocket::client({"http://h/", "h", {}}, random_, login);
  const std::string question =
      "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
  ASSERT_TRUE(hear(*layer, question));
  const auto end = hear(*layer, question);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::kAuthentication);
  EXPECT_FALSE(layer->wants_new_connection());
  const std::string endless =
      "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\nContent-Length: 9000000\r\n\r\n" +
      std::string(GetParam() == 0 ? 2'000 : 1'100'000, 'x');
  const auto other = WebSocket::client(
      {"http://h/", "h", {}}, random_,
      std::make_shared<ProxyLogin>(ProxyCredentials{"", "ann", "secret"}, random_, UnixTime{}));
  EXPECT_EQ(static_cast<bool>(hear(*other, endless)), GetParam() == 0);
}

TEST_P(WebSocketScript, RefusesEveryOtherAnswer) {
  const auto accept = websocket_accept(key_of(said(*client_)));
  const std::string head = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  const auto good = head + "Sec-WebSocket-Accept: " + accept + "\r\n";
  const std::pair<std::string, const char*> cases[] = {
      {"HTTP/1.1 200 OK\r\n\r\n", "does not pass the upgrade on"},
      {"HTTP/1.1 407 Who\r\n\r\n", "wants to know who asks"},
      {"HTTP/1.1 302 x\r\nLocation: http://portal/\r\n\r\n", "captive portal"},
      {head + "\r\n", "belongs to another request"},
      {head + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", "another request"},
      {good + "Sec-WebSocket-Accept: " + accept + "\r\n\r\n", "another request"},
      {"HTTP/1.1 101 x\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + "\r\n\r\n",
       "another request"},
      {good + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "not offered"},
      {"no http\r\n\r\n", "no HTTP there"},
  };
  for (const auto& [answer, part] : cases) {
    SeededRandom same(GetParam() + 1);
    const auto layer = WebSocket::client({"/", "service.example.net", {}}, same);
    const auto error = error_after(*layer, answer);
    EXPECT_NE(error.find(part), std::string::npos) << answer << ": " << error;
  }
}

TEST_P(WebSocketScript, JoinsFragmentsAndAnswersPingsBetweenThem) {
  open();
  (void)said(*client_);
  ASSERT_TRUE(
      hear(*client_, std::string("\x02\x02he\x89\x04ping\x00\x00\x80\x03llo\x8a\x01p", 20)));
  EXPECT_EQ(as_text(client_->readable()), "hello");
  const auto pong = said(*client_);
  ASSERT_EQ(pong.size(), 2u + 4 + 4);
  EXPECT_EQ(pong.substr(0, 2), "\x8a\x84");
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(pong[static_cast<std::size_t>(6 + i)] ^ pong[static_cast<std::size_t>(2 + i)],
              "ping"[i]);
}

TEST_P(WebSocketScript, RefusesBrokenFrames) {
  const std::pair<std::string, const char*> cases[] = {
      {"\x81\x01x", "carries text"},
      {std::string("\x82\x81\x00\x00\x00\x00x", 7), "is masked"},
      {"\xc2\x01x", "extension"},
      {std::string("\x80\x00", 2), "continues no message"},
      {"\x02\x01x\x82\x01y", "inside another"},
      {std::string("\x89\x7e\x00\x7e", 4), "too long"},
      {std::string("\x09\x00", 2), "too long or cut"},
      {std::string("\x82\x7f\xff\x00\x00\x00\x00\x00\x00\x00", 10), "impossible length"},
      {std::string("\x83\x00", 2), "unknown kind"},
  };
  for (const auto& [frames, part] : cases) {
    SeededRandom same(GetParam() + 1);
    const auto layer = WebSocket::client({"/", "h", {}}, same);
    ASSERT_TRUE(hear(*layer,
                     "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: " +
                         websocket_accept(key_of(said(*layer))) + "\r\n\r\n"));
    const auto error = error_after(*layer, frames);
    EXPECT_NE(error.find(part), std::string::npos) << to_hex(as_bytes(frames)) << ": " << error;
  }
}

// Both sides, with everything cut at random places.
TEST_P(WebSocketScript, CarriesBothDirectionsToTheirEnds) {
  const auto request = said(*client_);
  const auto server = WebSocket::server(key_of(request));
  std::mt19937 engine(GetParam());
  ByteVector up(300'000), down(200'001), got_up, got_down;
  for (auto& byte : up) byte = static_cast<std::byte>(engine());
  for (auto& byte : down) byte = static_cast<std::byte>(engine());
  struct Side {
    WebSocket& layer;
    Bytes to_write;
    ByteVector& got;
    bool ended = false;
  } sides[] = {{*client_, up, got_down}, {*server, down, got_up}};
  for (int turn = 0; turn < 200'000 && !(client_->peer_ended() && server->peer_ended() &&
                                         client_->readable().empty() && server->readable().empty());
       ++turn) {
    auto& from = sides[engine() % 2];
    auto& to = &from == &sides[0] ? sides[1] : sides[0];
    const auto piece = std::min<std::size_t>(1 + engine() % 70'000, from.to_write.size());
    if (piece != 0) {
      const auto taken = from.layer.write(from.to_write.first(piece));
      ASSERT_TRUE(taken);
      from.to_write = from.to_write.subspan(*taken);
    } else if (!std::exchange(from.ended, true)) {
      ASSERT_TRUE(from.layer.end_writing());
    }
    const auto wire = from.layer.pending_output();
    const auto count = std::min<std::size_t>(wire.size(), 1 + engine() % (turn % 3 ? 40'000 : 3));
    if (count != 0 && to.layer.wants_input()) {
      std::array<std::byte, 5000> buffer;
      auto room = MutableBytes{buffer}.first(engine() % buffer.size());
      const auto given = room.size();
      const bool direct = to.layer.readable().empty();
      if (!direct) room = {};
      ASSERT_TRUE(to.layer.receive_into(wire.first(count), room));
      if (direct) append(to.got, Bytes{buffer}.first(given - room.size()));
      from.layer.output_sent(count);
    }
    const auto ready = to.layer.readable();
    const auto some = std::min<std::size_t>(ready.size(), engine() % 60'000);
    append(to.got, ready.first(some));
    to.layer.consumed(some);
  }
  EXPECT_TRUE(got_up == up);
  EXPECT_TRUE(got_down == down);
  EXPECT_TRUE(client_->output_ended());
  EXPECT_TRUE(client_->receive_end());
}

INSTANTIATE_TEST_SUITE_P(Seeds, WebSocketScript, testing::Range(0u, 8u));

}  // namespace
}  // namespace culvert::carrier
