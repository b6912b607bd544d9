#include "service/http_request.h"

#include <gtest/gtest.h>

#include "service/web_page.h"

namespace culvert::service {
namespace {

int status_of(const std::string& text) {
  const auto request = parse_http_request(as_bytes(text));
  return request ? request->status : 0;
}
const std::string kHost = "Host: example.net\r\n";
std::string get_with(const std::string& fields) {
  return "GET / HTTP/1.1\r\n" + kHost + fields + "\r\n";
}

TEST(HttpRequest, TakesAPlainRequest) {
  const auto text = get_with("Accept: */*\r\n");  // the request borrows from it
  const auto request = parse_http_request(as_bytes(text));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->status, 200);
  EXPECT_EQ(request->target, "/");
  EXPECT_FALSE(request->head);
  EXPECT_TRUE(parse_http_request(as_bytes("HEAD / HTTP/1.0\r\n\r\n"))->head);
}

TEST(HttpRequest, TellsAWebSocketUpgradeFromEverythingLess) {
  const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";
  const auto upgrade = [&](const std::string& connection, const std::string& version) {
    return get_with("Upgrade: WebSocket\r\nConnection: " + connection + "\r\nSec-WebSocket-Key: " +
                    key + "\r\nSec-WebSocket-Version: " + version + "\r\n");
  };
  const auto key_in = [](const std::string& text) {
    const auto request = parse_http_request(as_bytes(text));
    return request ? std::string(request->websocket_key) : "incomplete";
  };
  EXPECT_EQ(key_in(upgrade("keep-alive, Upgrade", "13")), key);
  const auto with_more = upgrade("upgrade", "13") + "\x82\x80";
  const auto request = parse_http_request(as_bytes(with_more));
  ASSERT_TRUE(request);
  EXPECT_EQ(with_more.substr(request->size), "\x82\x80");
  EXPECT_EQ(key_in(upgrade("keep-alive", "13")), "");
  EXPECT_EQ(key_in(upgrade("upgrade", "8")), "");
  EXPECT_EQ(key_in(get_with("Upgrade: websocket\r\nConnection: upgrade\r\n"
                            "Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n")),
            "");
  EXPECT_EQ(key_in("HEAD" + upgrade("upgrade", "13").substr(3)), "");
  EXPECT_EQ(status_of(upgrade("close", "13")), 200) << "an ordinary page";
}

TEST(HttpRequest, WaitsForTheRestWhereverItIsCut) {
  const auto whole = get_with("Accept: a\r\n");
  for (std::size_t cut = 0; cut < whole.size(); ++cut)
    EXPECT_EQ(status_of(whole.substr(0, cut)), 0) << cut;
  EXPECT_EQ(status_of(whole), 200);
}

TEST(HttpRequest, RefusesWhatCanBeReadInTwoWays) {
  for (const auto& text : {
           get_with("Content-Length: 0\r\nContent-Length: 0\r\n"),
           get_with("Content-Length: 5\r\n"),
           get_with("Content-Length: +0\r\n"),
           get_with("Transfer-Encoding: chunked\r\n"),
           get_with("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
           get_with("Host: other\r\n"),
           get_with("Folded: a\r\n b\r\n"),
           get_with("\tFolded: a\r\n"),
           get_with("Space : a\r\n"),
           get_with("NoColon\r\n"),
           get_with(": nameless\r\n"),
           get_with("Bad\x01Name: a\r\n"),
           get_with("Value: a\x01\r\n"),
           get_with("Value: a\rb\r\n"),
           std::string("GET / HTTP/1.1\nHost: x\n\n"),
           std::string("GET / HTTP/1.1\r\nHost: x\n\r\n"),
           std::string("GET / HTTP/1.1\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost:\r\n\r\n"),
           std::string("GET  / HTTP/1.1\r\n") + kHost + "\r\n",
           std::string("GET /a b HTTP/1.1\r\n") + kHost + "\r\n",
           std::string("GET http://x/ HTTP/1.1\r\n") + kHost + "\r\n",
           std::string("GET /\xc3\xa4 HTTP/1.1\r\n") + kHost + "\r\n",
           std::string("GET / http/1.1\r\n") + kHost + "\r\n",
           std::string("GET /\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost: \0x\r\n\r\n", 27),
       })
    EXPECT_EQ(status_of(text), 400) << text;
}

TEST(HttpRequest, NamesOtherRefusalsAsTheyAre) {
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\n" + kHost + "\r\n"), 405);
  EXPECT_EQ(status_of("CONNECT a:1 HTTP/1.1\r\n" + kHost + "\r\n"), 405);
  EXPECT_EQ(status_of("BREW / HTTP/1.1\r\n" + kHost + "\r\n"), 501);
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\n" + kHost + "\r\n"), 505);
  EXPECT_EQ(status_of("GET / HTTP/1.2\r\n" + kHost + "\r\n"), 505);
  EXPECT_EQ(status_of("GET /" + std::string(3000, 'a') + " HTTP/1.1\r\n" + kHost + "\r\n"), 414);
  EXPECT_EQ(status_of("GET /" + std::string(9000, 'a')), 414);
  EXPECT_EQ(status_of(get_with("A: " + std::string(9000, 'a') + "\r\n")), 431);
}

TEST(WebPage, AnswersLikeAnOrdinaryServer) {
  const auto home = get_with("");
  const auto page = web_answer(*parse_http_request(as_bytes(home)));
  EXPECT_EQ(page.rfind("HTTP/1.1 200 OK\r\n", 0), 0u);
  EXPECT_NE(page.find("Connection: close\r\n"), std::string::npos);
  EXPECT_NE(page.find("<html"), std::string::npos);
  const auto head = web_answer(*parse_http_request(as_bytes("HEAD / HTTP/1.0\r\n\r\n")));
  EXPECT_EQ(head.substr(head.size() - 4), "\r\n\r\n");
  const auto missing = parse_http_request(as_bytes("GET /admin HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(web_answer(*missing).rfind("HTTP/1.1 404 Not Found\r\n", 0), 0u);
  EXPECT_NE(web_answer({405, false, {}}).find("Allow: GET, HEAD"), std::string::npos);
}

}  // namespace
}  // namespace culvert::service
