#include "tunnel/proxies/probe_answer.h"

#include <gtest/gtest.h>

namespace culvert::proxies {
namespace {

using namespace std::string_view_literals;

struct Row {
  std::string_view heard;
  Spoken spoken;
};

const Row kRows[] = {
    {"HTTP/1.1 403 Forbidden\r\nServer: squid/5.7\r\nVia: 1.1 mb (squid)\r\n\r\n"sv,
     Spoken::kHttpProxy},
    {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"sv, Spoken::kHttpProxy},
    {"HTTP/1.1 200 OK\r\nvia: 1.1 tinyproxy\r\n\r\n<html>"sv, Spoken::kHttpProxy},
    {"HTTP/1.0 503 Forwarding failure (Privoxy)\r\n\r\n"sv, Spoken::kHttpProxy},
    {"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n"sv, Spoken::kWebServer},
    {"HTTP/1.0 404 Not Found\n\n"sv, Spoken::kWebServer},
    {"\x05\xff"sv, Spoken::kSocks5},
    {"\0\x5b\0\0\0\0\0\0"sv, Spoken::kSocks4},
    {""sv, Spoken::kSocks},
    {"220 ftp.proxy ready\r\n"sv, Spoken::kFtp},
    {"SSH-2.0-OpenSSH_9.2\r\n"sv, Spoken::kUnknown},
    {"HTTP/x\r\n\r\n"sv, Spoken::kUnknown},
    {"\0\0"sv, Spoken::kUnknown},
};

TEST(ProbeAnswer, tells_proxies_apart) {
  for (const auto& row : kRows)
    EXPECT_EQ(judge_probe(as_bytes(row.heard), true), row.spoken) << row.heard;
}

TEST(ProbeAnswer, is_the_same_however_it_was_cut) {
  for (const auto& row : kRows)
    for (std::size_t size = 0; size < row.heard.size(); ++size) {
      const auto early = judge_probe(as_bytes(row.heard.substr(0, size)), false);
      EXPECT_TRUE(early == Spoken::kUndecided || early == row.spoken) << row.heard << " " << size;
    }
}

TEST(ProbeAnswer, shows_a_captive_portal) {
  const auto portal = [](std::string_view heard) {
    return find_portal(as_bytes(heard), "service.example.net");
  };
  EXPECT_EQ(portal("HTTP/1.1 302 Found\r\nLocation: http://login.hotel.test/?x\r\n\r\n"),
            "http://login.hotel.test/?x");
  EXPECT_EQ(portal("HTTP/1.1 511 Network Authentication Required\r\n\r\n"), "status 511");
  EXPECT_EQ(portal("HTTP/1.1 200 OK\r\n\r\n<h1>Welcome to our hotel</h1>"), "a page of its own");
  EXPECT_EQ(portal("HTTP/1.1 200 OK\r\n\r\n<h1>It works</h1>"), "");
  EXPECT_EQ(portal("HTTP/1.1 301 Moved\r\nLocation: https://Service.example.net/\r\n\r\n"), "");
  EXPECT_EQ(portal("HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n"), "");
  EXPECT_EQ(portal("HTTP/1.1 404 Not Found\r\n\r\n"), "");
  EXPECT_EQ(portal(""), "");
}

}  // namespace
}  // namespace culvert::proxies
