#include "tunnel/proxies/pac_answer.h"

#include <gmock/gmock.h>

#include "tunnel/proxies/pac_frames.h"

namespace culvert::proxies {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(PacAnswer, keeps_the_order_and_the_types) {
  const auto answer = parse_pac_answer(
      "PROXY a.test:3128; proxy b.test ;SOCKS5 [2001:db8::1]:1081;HTTPS c:8443; SOCKS4 d:1;DIRECT");
  EXPECT_THAT(answer.urls,
              ElementsAre("http://a.test:3128", "http://b.test:80", "socks5://[2001:db8::1]:1081",
                          "https://c:8443", "socks4://d:1"));
  EXPECT_TRUE(answer.direct);
}

TEST(PacAnswer, tries_both_versions_where_socks_has_none) {
  EXPECT_THAT(parse_pac_answer("SOCKS s").urls, ElementsAre("socks5://s:1080", "socks4://s:1080"));
}

TEST(PacAnswer, is_direct_when_there_is_nothing_else) {
  for (const char* text : {"", ";", "DIRECT", "direct ", "QUIC a:1", "PROXY", "PROXY a:0"}) {
    EXPECT_TRUE(parse_pac_answer(text).direct) << text;
    EXPECT_THAT(parse_pac_answer(text).urls, IsEmpty()) << text;
  }
}

TEST(PacAnswer, skips_hosts_that_could_be_anything_else) {
  EXPECT_THAT(
      parse_pac_answer("PROXY a/b:1; PROXY u@h:1; PROXY a%0d:2; PROXY a:70000; PROXY ok:1").urls,
      ElementsAre("http://ok:1"));
}

TEST(PacAnswer, is_bounded) {
  std::string text;
  for (int i = 1; i < 100; ++i) text += "PROXY a:" + std::to_string(i) + ";";
  EXPECT_EQ(parse_pac_answer(text).urls.size(), kMostPacProxies);
}

TEST(PacLiterals, are_found_in_a_script_that_does_not_run) {
  const char* const script = R"(
    // Ask the PROXY team before changing this: proxy.corp.test
    let p = `PROXY proxy1.corp.test:8080`; const q = "PROXY proxy2.corp.test:8080; DIRECT";
    return cond => "SOCKS5 socks.corp.test:1080"; var MY_PROXY = "x"; MY_PROXY other:1;
    "PROXY " + name + ":3128")";
  EXPECT_THAT(find_pac_literals(script),
              ElementsAre("http://proxy1.corp.test:8080", "http://proxy2.corp.test:8080",
                          "socks5://socks.corp.test:1080"));
}

TEST(PacFrames, arrive_however_they_are_cut) {
  std::string wire, in;
  append_pac_frame(wire, PacFrameType::kResolve, "wpad.corp.test");
  append_pac_frame(wire, PacFrameType::kReturned, "");
  std::vector<std::string> got;
  for (const char c : wire) {
    in += c;
    const auto frame = take_pac_frame(in);
    ASSERT_TRUE(frame);
    if (*frame) got.push_back((*frame)->payload);
  }
  EXPECT_THAT(got, ElementsAre("wpad.corp.test", ""));
  EXPECT_TRUE(in.empty());
}

TEST(PacFrames, of_unknown_type_or_size_are_refused) {
  std::string unknown = "x", large("A\x00\x01\x00\x00", 5);
  EXPECT_FALSE(take_pac_frame(unknown));
  EXPECT_FALSE(take_pac_frame(large));
}

}  // namespace
}  // namespace culvert::proxies
