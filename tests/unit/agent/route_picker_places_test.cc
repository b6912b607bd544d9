// What the picker concludes about one place from what several ways there met.
#include <gtest/gtest.h>

#include "agent/route_picker.h"

namespace culvert::agent {
namespace {

using std::chrono::milliseconds;

constexpr TimePoint kStart{std::chrono::seconds{100}};

carrier::Way way(const char* recipe, const char* to) {
  return {carrier::find_recipe(recipe),
          {},
          {"service.example.net", 443},
          *SocketAddress::parse(to),
          {}};
}
std::vector<carrier::Way> two_routes() {
  return {way("direct", "192.0.2.1:443"), way("tls", "192.0.2.1:443")};
}

TEST(RoutePicker, rules_out_all_ways_by_a_proxy_that_is_another_kind_than_it_is_called) {
  auto through = [](const char* recipe, const char* proxy) {
    auto one = way(recipe, "10.0.0.1:1080");
    one.proxy = *carrier::parse_proxy(proxy);
    return one;
  };
  RoutePicker picker({through("socks", "socks5://10.0.0.1:1080"),
                      through("socks-tls", "socks5://10.0.0.1:1080"), way("tls", "192.0.2.1:443")},
                     false, kStart);
  EXPECT_EQ(picker.next_start(kStart), 0u);
  picker.add(through("connect", "http://10.0.0.1:1080"));
  const Error why{ErrorCode::kProtocol, "socks5://10.0.0.1:1080 is an HTTP proxy"};
  EXPECT_EQ(picker.rule_out(*carrier::parse_proxy("socks5://10.0.0.1:1080"), why, kStart),
            std::vector<std::size_t>{0});
  EXPECT_EQ(picker.next_start(kStart), 3u);  // at once
  EXPECT_EQ(picker.next_start(kStart + milliseconds{400}), 2u);
  EXPECT_EQ(picker.next_start(kStart + milliseconds{800}), std::nullopt);
  EXPECT_EQ(picker.next_deadline(), std::nullopt);
  EXPECT_FALSE(picker.exhausted());
  for (const std::size_t left : {2u, 3u}) picker.failed(left, why, kStart);
  EXPECT_TRUE(picker.exhausted());
}

TEST(RoutePicker, tries_again_what_is_refused_where_another_way_was_answered) {
  auto through = [](const char* recipe) {
    auto one = way(recipe, "10.0.0.1:3128");
    one.proxy = *carrier::parse_proxy("http://10.0.0.1:3128");
    return one;
  };
  RoutePicker picker({through("connect"), through("proxy-websocket")}, false, kStart);
  const Error refused{ErrorCode::kRefused, "Connection refused"};
  EXPECT_EQ(picker.next_start(kStart), 0u);
  picker.failed(0, {ErrorCode::kNotPermitted, "403"}, kStart);
  EXPECT_EQ(picker.next_start(kStart), 1u);  // at once, and too early for a box that counts
  picker.failed(1, refused, kStart);
  EXPECT_FALSE(picker.exhausted());
  EXPECT_EQ(picker.next_start(kStart + milliseconds{149}), std::nullopt);
  for (int i = 0; i < RoutePicker::kMostAgain; ++i) {
    EXPECT_EQ(picker.next_start(kStart + milliseconds{150} * (i + 1)), 1u);
    picker.failed(1, refused, kStart + milliseconds{150} * (i + 1));
  }
  EXPECT_TRUE(picker.exhausted());
}

TEST(RoutePicker, gives_up_what_is_silent_where_one_connection_passes_at_a_time) {
  RoutePicker picker(two_routes(), false, kStart);
  const Error refused{ErrorCode::kRefused, "Connection refused"};
  EXPECT_EQ(picker.next_start(kStart), 0u);
  auto now = kStart;
  for (int i = 0; i < 9; ++i) {
    now += milliseconds{400};
    EXPECT_TRUE(picker.in_the_way(now).empty());
    EXPECT_EQ(picker.next_start(now), 1u);
    picker.failed(1, refused, now);
  }
  EXPECT_EQ(picker.in_the_way(now + milliseconds{400}), std::vector<std::size_t>{0});
  EXPECT_EQ(picker.next_start(now + milliseconds{400}), 1u);
  EXPECT_FALSE(picker.exhausted());
}

TEST(RoutePicker, keeps_what_is_silent_where_nothing_is_refused) {
  RoutePicker picker(two_routes(), false, kStart);
  EXPECT_EQ(picker.next_start(kStart), 0u);
  EXPECT_EQ(picker.next_start(kStart + milliseconds{400}), 1u);
  EXPECT_TRUE(picker.in_the_way(kStart + std::chrono::seconds{9}).empty());
  picker.failed(1, {ErrorCode::kTimedOut, "no answer"}, kStart + std::chrono::seconds{9});
  EXPECT_TRUE(picker.in_the_way(kStart + std::chrono::seconds{9}).empty());
}

}  // namespace
}  // namespace culvert::agent
