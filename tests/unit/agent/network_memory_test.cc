#include "agent/network_memory.h"

#include <gtest/gtest.h>

#include "agent/route_picker.h"
#include "agent/way_plan.h"

namespace culvert::agent {
namespace {

const std::string kHome = "192.168.1.1 02:00:00:00:00:01 192.168.1.0/24";
const std::string kHotel = "192.168.1.1 02:00:00:00:00:99 192.168.1.0/24";

TEST(NetworkMemory, tells_networks_apart_by_their_gateways_hardware) {
  NetworkMemory memory;
  EXPECT_TRUE(memory.remember(kHome, "direct 192.0.2.1:443"));
  EXPECT_TRUE(memory.remember(kHotel, "connect 192.168.1.1:3128 http://192.168.1.1:3128"));
  EXPECT_EQ(memory.find(kHome), "direct 192.0.2.1:443");
  EXPECT_EQ(memory.find("10.0.0.1 02:00:00:00:00:01 10.0.0.0/8"), std::nullopt);
}

TEST(NetworkMemory, does_without_the_hardware_only_where_one_network_fits) {
  NetworkMemory memory;
  memory.remember(kHome, "direct 192.0.2.1:443");
  EXPECT_EQ(memory.find("192.168.1.1 - 192.168.1.0/24"), "direct 192.0.2.1:443");
  EXPECT_EQ(memory.find(kHotel), std::nullopt);
  memory.remember(kHotel, "tls 192.0.2.1:443");
  EXPECT_EQ(memory.find("192.168.1.1 - 192.168.1.0/24"), std::nullopt);
}

TEST(NetworkMemory, survives_as_text_and_says_when_nothing_changed) {
  NetworkMemory memory;
  memory.remember(kHome, "direct 192.0.2.1:443");
  memory.remember(kHotel, "tls 192.0.2.1:443");
  auto again = NetworkMemory::from_text(memory.to_text() + "nonsense\n\tx\ny\t\n");
  EXPECT_EQ(again.to_text(), memory.to_text());
  EXPECT_FALSE(again.remember(kHotel, "tls 192.0.2.1:443"));
  EXPECT_TRUE(again.remember(kHome, "direct 192.0.2.1:443"));  // now the last used
}

TEST(NetworkMemory, keeps_what_an_exchange_learned_with_its_way_alone) {
  NetworkMemory memory;
  EXPECT_TRUE(memory.remember(kHome, "http 192.0.2.1:80", "1 1 2 1 0 0 4000"));
  EXPECT_FALSE(memory.remember(kHome, "http 192.0.2.1:80", "1 1 2 1 0 0 4000"));
  EXPECT_TRUE(memory.remember(kHome, "http 192.0.2.1:80", "1 1 1 1 0 0 4000"));
  const auto again = NetworkMemory::from_text(memory.to_text());
  EXPECT_EQ(again.find(kHome), "http 192.0.2.1:80");
  EXPECT_EQ(again.exchange(kHome, "http 192.0.2.1:80"), "1 1 1 1 0 0 4000");
  EXPECT_EQ(again.exchange(kHome, "http-tls 192.0.2.1:443"), "");
  EXPECT_EQ(again.exchange(kHotel, "http 192.0.2.1:80"), "");
}

TEST(NetworkMemory, forgets_the_network_not_used_for_longest) {
  NetworkMemory memory;
  for (std::size_t i = 0; i <= NetworkMemory::kMost; ++i)
    memory.remember("10.0.0.1 - 10." + std::to_string(i) + ".0.0/16", "direct 192.0.2.1:443");
  EXPECT_EQ(memory.find("10.0.0.1 - 10.0.0.0/16"), std::nullopt);
  EXPECT_TRUE(memory.find("10.0.0.1 - 10.1.0.0/16"));
}

TEST(WayFromKey, restores_a_way_through_a_proxy_that_nobody_names_any_more) {
  const WayOptions options{{"service.example.net", 443}, "auto", 0, {}};
  const auto way = way_from_key("connect 10.0.0.1:3128 http://proxy.site:3128", options);
  ASSERT_TRUE(way);
  EXPECT_EQ(way_key(*way), "connect 10.0.0.1:3128 http://proxy.site:3128");
  EXPECT_EQ(way->service, options.service);
  EXPECT_FALSE(way->proxy->trusted);
  EXPECT_FALSE(way_from_key("", options));
  EXPECT_FALSE(
      way_from_key("direct 192.0.2.1:443", options));  // planned anyway, if it still is one
  EXPECT_FALSE(way_from_key("pigeon 10.0.0.1:3128 http://proxy.site:3128", options));
  EXPECT_FALSE(way_from_key("connect 10.0.0.1:3128 socks5://proxy.site:1080", options));
  EXPECT_FALSE(way_from_key("connect nowhere http://proxy.site:3128", options));
  EXPECT_FALSE(way_from_key("connect 10.0.0.1:3128 http://proxy.site:3128",
                            {{"service.example.net", 443}, "connect-tls", 0, {}}));
}

TEST(NetworkMemory, knows_where_the_service_itself_was_reached) {
  NetworkMemory memory;
  memory.remember("one", "direct 192.0.2.1:443");
  memory.remember("two", "connect 10.0.0.1:3128 http://proxy.site:3128");
  memory.remember("three", "http-80 192.0.2.1:80");
  memory.remember("four", "tls 192.0.2.4:443");
  EXPECT_EQ(memory.addresses(), (std::vector<IpAddress>{*IpAddress::parse("192.0.2.4"),
                                                        *IpAddress::parse("192.0.2.1")}));
}

TEST(WayFromKey, does_not_go_by_a_proxy_that_another_has_been_named_instead_of) {
  const WayOptions options{
      {"service.example.net", 443}, "auto", 0, {*carrier::parse_proxy("http://new.site:3128")}};
  EXPECT_FALSE(way_from_key("connect 10.0.0.1:3128 http://old.site:3128", options));
}

TEST(WayFromKey, knows_again_a_configured_proxy_that_is_of_another_kind_than_it_is_called) {
  WayOptions options{{"service.example.net", 443},
                     "auto",
                     0,
                     {*carrier::parse_proxy("http://me:secret@p.site:1080")}};
  options.proxies[0].trusted = true;
  options.proxies[0].source = "agent.toml";
  const auto way = way_from_key("socks 10.0.0.1:1080 socks5://p.site:1080", options);
  ASSERT_TRUE(way);
  EXPECT_EQ(way->proxy->to_string(), "socks5://p.site:1080");
  EXPECT_TRUE(way->proxy->trusted);
  EXPECT_EQ(way->proxy->source, "agent.toml");
  EXPECT_TRUE(way->proxy->has_credentials());
  // Its address is what names say now.
  EXPECT_FALSE(way_from_key("connect 10.0.0.1:1080 http://p.site:1080", options));
  options.proxies[0].kind = carrier::ProxyKind::kHttps;  // whose password is not for the clear
  const auto clear = way_from_key("connect 10.0.0.1:1080 http://p.site:1080", options);
  ASSERT_TRUE(clear);
  EXPECT_FALSE(clear->proxy->has_credentials());
}

TEST(RoutePicker, takes_ways_that_are_found_while_it_runs) {
  constexpr TimePoint start{std::chrono::seconds{100}};
  const WayOptions options{{"service.example.net", 443}, "auto", 0, {}};
  const auto found = way_from_key("connect 10.0.0.1:3128 http://proxy.site:3128", options);
  RoutePicker picker({}, false, start);
  EXPECT_TRUE(picker.exhausted());
  EXPECT_EQ(picker.next_start(start), std::nullopt);
  picker.add(*found);
  picker.add(*found);
  EXPECT_FALSE(picker.exhausted());
  EXPECT_EQ(picker.next_start(start), 0u);
  EXPECT_EQ(picker.next_start(start + std::chrono::seconds{5}), std::nullopt);
}

}  // namespace
}  // namespace culvert::agent
