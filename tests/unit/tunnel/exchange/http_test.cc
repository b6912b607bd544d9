#include <gtest/gtest.h>

#include "tunnel/exchange/capabilities.h"
#include "tunnel/exchange/http_body.h"
#include "tunnel/exchange/server_connection.h"

namespace culvert::exchange {
namespace {

std::string content_of(const BodyFraming& framing, std::string_view wire, std::size_t piece,
                       bool& complete) {
  BodyReader body(framing);
  std::string out;
  while (!wire.empty() && !body.complete()) {
    const auto step = body.step(as_bytes(wire.substr(0, piece)));
    if (!step) return "broken";
    out += as_text(step->content);
    wire.remove_prefix(step->taken);
  }
  complete = body.complete();
  return out;
}

TEST(HttpBody, ChunksAreTakenApartHoweverTheyAreCut) {
  constexpr std::string_view kWire =
      "5\r\nhello\r\n1;name=value\r\n \r\n5\r\nworld\r\n0\r\nA: b\r\n\r\n";
  for (std::size_t piece = 1; piece <= kWire.size(); ++piece) {
    bool complete = false;
    EXPECT_EQ(content_of({BodyFraming::Kind::kChunked, 0}, kWire, piece, complete), "hello world");
    EXPECT_TRUE(complete);
  }
}

TEST(HttpBody, BrokenChunksAreRefused) {
  for (const auto* const wire :
       {"x\r\n", "\r\n", "5\nhello", "5\r\nhelloX", "5 5\rX", "fffffffffffffffff\r\n", "-1\r\n"}) {
    bool complete = false;
    EXPECT_EQ(content_of({BodyFraming::Kind::kChunked, 0}, wire, 100, complete), "broken") << wire;
  }
}

TEST(HttpBody, EndsWithTheConnectionOnlyWhereNothingElseSaysSo) {
  BodyReader until_end({BodyFraming::Kind::kUntilEnd, 0}), counted({BodyFraming::Kind::kLength, 3});
  EXPECT_TRUE(until_end.end());
  EXPECT_FALSE(counted.end());
}

TEST(HttpHead, WhatTwoCouldUnderstandDifferentlyIsRefused) {
  for (const auto* const head :
       {"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\n folded\r\n\r\n",
        "POST / HTTP/2.0\r\n\r\n", "POST /\r\n\r\n", "\r\n\r\n"})
    EXPECT_FALSE(read_request_head(as_bytes(head))) << head;
  const std::string endless = "GET / HTTP/1.1\r\nA: " + std::string(kMaxHttpHead, 'x');
  EXPECT_FALSE(read_request_head(as_bytes(endless)));
  EXPECT_FALSE(read_response_head(as_bytes("HTTP/1.1 2000 OK\r\n\r\n")));
  EXPECT_FALSE(read_response_head(as_bytes("ICY 200 OK\r\n\r\n")));
}

TEST(HttpHead, AnAnswerIsFramedAsItSays) {
  const auto head = read_response_head(
      as_bytes("HTTP/1.0 200 Connection fine\r\nVia: 1.1 p\r\nContent-Length: 3\r\n\r\nabc"));
  ASSERT_TRUE(head && *head);
  EXPECT_EQ((*head)->reason, "Connection fine");
  EXPECT_EQ((*head)->body.length, 3u);
  EXPECT_FALSE((*head)->keep_alive);
  ASSERT_NE((*head)->find("via"), nullptr);
  const auto without = read_response_head(as_bytes("HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n"));
  ASSERT_TRUE(without && *without);
  EXPECT_EQ((*without)->body.kind, BodyFraming::Kind::kNone);
}

TEST(ExchangeTarget, IsRecognisedAsAPathAndAsAnAbsoluteUrl) {
  const crypto::PublicKey name;
  const auto path = make_target(name, "token");
  ASSERT_TRUE(parse_target(path));
  EXPECT_EQ(parse_target(path)->token, "token");
  EXPECT_TRUE(parse_target("http://service.example.net:80" + path));
  for (const auto* const other : {"/", "/c/", "/c/short/token", "http://x/c/", "*"})
    EXPECT_FALSE(parse_target(other)) << other;
  EXPECT_EQ(looks_like_exchange(as_bytes("GET " + path)), std::nullopt);
  EXPECT_EQ(looks_like_exchange(as_bytes("GET " + path + " HTTP/1.1\r\n")), true);
  EXPECT_EQ(looks_like_exchange(as_bytes("GET /index.html HTTP/1.1\r\n")), false);
}

TEST(Capabilities, SurviveAFile) {
  Capabilities known;
  known.down = Streams::kYes;
  known.up = Streams::kNo;
  known.keep_alive = true;
  known.largest_body = 2'097'152;
  known.refused_body = 8'388'608;
  known.quiet = std::chrono::milliseconds{16'000};
  EXPECT_EQ(parse_capabilities(to_string(known)), known);
  for (const auto* const text : {"", "1", "2 0 0 0 0 0 4000", "1 3 0 0 0 0 4000", "1 0 0 0 0 0 1",
                                 "1 0 0 0 0 0 4000 9", "1 0 0 -1 0 0 4000"})
    EXPECT_FALSE(parse_capabilities(text)) << text;
}

}  // namespace
}  // namespace culvert::exchange
