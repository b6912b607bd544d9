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
  EXPECT_EQ(picker.next_deadline(), kStart + RoutePicker::kNoAnswer);
  EXPECT_TRUE(picker.take_turns({}, kStart + RoutePicker::kNoAnswer).empty());
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

TEST(RoutePicker, tries_again_what_is_refused_where_another_connection_was_closed) {
  RoutePicker picker(two_routes(), false, kStart);
  EXPECT_EQ(picker.next_start(kStart), 0u);
  picker.failed(0, {ErrorCode::kClosed, "the peer ended the connection"}, kStart);
  EXPECT_EQ(picker.next_start(kStart), 1u);
  picker.failed(1, {ErrorCode::kRefused, "Connection refused"}, kStart);
  EXPECT_FALSE(picker.exhausted());
  EXPECT_EQ(picker.next_start(kStart + milliseconds{150}), 1u);
}

TEST(RoutePicker, tries_one_way_at_a_time_where_a_second_connection_gets_no_answer) {
  auto routes = two_routes();
  routes.push_back(way("websocket", "192.0.2.1:443"));
  routes.push_back(way("http-80", "192.0.2.1:80"));
  RoutePicker picker(routes, false, kStart);
  EXPECT_EQ(picker.next_start(kStart), 0u);
  picker.failed(0, {ErrorCode::kClosed, "the peer ended the connection"}, kStart);
  EXPECT_EQ(picker.next_start(kStart), 1u);                      // is connected, and silent
  EXPECT_EQ(picker.next_start(kStart + milliseconds{400}), 2u);  // is not connected
  EXPECT_EQ(picker.next_start(kStart + milliseconds{800}), 3u);  // nor is this one
  EXPECT_TRUE(picker.take_turns({2, 3}, kStart + milliseconds{1899}).empty());
  const auto then = kStart + milliseconds{1900};
  EXPECT_EQ(picker.take_turns({2, 3}, then), (std::vector<std::size_t>{2, 3}));
  EXPECT_TRUE(picker.one_at_a_time());
  EXPECT_TRUE(picker.in_the_way(then).empty());
  EXPECT_EQ(picker.next_start(then + milliseconds{400}), std::nullopt) << "beside the silent one";
  EXPECT_EQ(picker.next_deadline(), kStart + RoutePicker::kMostInTheWay);
  const auto later = kStart + RoutePicker::kMostInTheWay;
  EXPECT_EQ(picker.in_the_way(later), std::vector<std::size_t>{1});
  EXPECT_EQ(picker.next_start(later), std::nullopt) << "the network has to learn that it ended";
  EXPECT_EQ(picker.next_start(later + milliseconds{150}), 2u);
  EXPECT_EQ(picker.next_start(later + milliseconds{900}), std::nullopt);
  picker.failed(2, {ErrorCode::kProtocol, "400"}, later + milliseconds{900});
  EXPECT_EQ(picker.next_start(later + milliseconds{1050}), 3u);
}

TEST(RoutePicker, tries_several_ways_where_no_connection_was_answered) {
  RoutePicker picker(two_routes(), false, kStart);
  EXPECT_EQ(picker.next_start(kStart), 0u);
  EXPECT_EQ(picker.next_start(kStart + milliseconds{400}), 1u);
  EXPECT_TRUE(picker.take_turns({0, 1}, kStart + std::chrono::seconds{3}).empty());
  EXPECT_FALSE(picker.one_at_a_time());
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
