#include "agent/route_picker.h"

#include <gtest/gtest.h>

#include "agent/lookups.h"
#include "agent/reconnect_delay.h"
#include "agent/way_plan.h"

namespace culvert::agent {
namespace {

using std::chrono::milliseconds;

constexpr TimePoint kStart{std::chrono::seconds{100}};

SocketAddress address(const char* text) { return *SocketAddress::parse(text); }
carrier::Way way(const char* recipe, const char* to) {
  return {carrier::find_recipe(recipe), {}, {"service.example.net", 443}, address(to), {}};
}
std::vector<carrier::Way> two_routes() {
  return {way("direct", "192.0.2.1:443"), way("tls", "192.0.2.1:443")};
}

TEST(RoutePicker, starts_the_second_route_400_ms_after_the_first) {
  RoutePicker picker(two_routes(), false, kStart);
  EXPECT_EQ(picker.next_start(kStart), 0u);
  EXPECT_EQ(picker.next_start(kStart), std::nullopt);
  EXPECT_EQ(picker.next_deadline(), kStart + milliseconds{400});
  EXPECT_EQ(picker.next_start(kStart + milliseconds{399}), std::nullopt);
  EXPECT_EQ(picker.next_start(kStart + milliseconds{400}), 1u);
  EXPECT_EQ(picker.next_deadline(), std::nullopt);
}

TEST(RoutePicker, asks_an_ftp_proxy_in_its_second_form_soon) {
  RoutePicker picker(
      {way("ftp", "192.0.2.1:21"), way("ftp-pair", "192.0.2.1:21"), way("direct", "192.0.2.2:443")},
      false, kStart);
  EXPECT_EQ(picker.next_start(kStart), 0u);
  EXPECT_EQ(picker.next_deadline(), kStart + milliseconds{100});
  EXPECT_EQ(picker.next_start(kStart + milliseconds{100}), 1u);
  EXPECT_EQ(picker.next_deadline(), kStart + milliseconds{500});
}

TEST(RoutePicker, starts_the_next_route_at_once_when_one_fails) {
  RoutePicker picker(two_routes(), true, kStart);
  EXPECT_EQ(picker.next_start(kStart), 0u);
  picker.failed(0, {ErrorCode::kRefused, "connection refused"}, kStart + milliseconds{3});
  EXPECT_EQ(picker.next_start(kStart + milliseconds{3}), 1u);
  EXPECT_FALSE(picker.exhausted());
  picker.failed(1, {ErrorCode::kTimedOut, "tls to 192.0.2.1:443: no answer"},
                kStart + milliseconds{9});
  EXPECT_TRUE(picker.exhausted());
  EXPECT_EQ(picker.why(),
            "direct to 192.0.2.1:443: connection refused; tls to 192.0.2.1:443: no answer");
}

TEST(RoutePicker, tells_of_refusals_before_silence_when_nothing_led_out) {
  RoutePicker picker(two_routes(), true, kStart);
  EXPECT_EQ(picker.next_start(kStart), 0u);
  picker.failed(0, {ErrorCode::kTimedOut, "no answer"}, kStart);
  EXPECT_EQ(picker.next_start(kStart), 1u);
  picker.failed(1, {ErrorCode::kNotPermitted, "redirected to a page to log in"}, kStart);
  EXPECT_EQ(picker.why(),
            "tls to 192.0.2.1:443: redirected to a page to log in; "
            "direct to 192.0.2.1:443: no answer");
}

TEST(RoutePicker, knows_whether_the_service_refused_by_every_way_that_led_to_it) {
  const Error revoked{ErrorCode::kAuthentication, "was revoked"};
  const Error overtaken{ErrorCode::kAuthentication, "is older than one already accepted"};
  const Error silent{ErrorCode::kTimedOut, "no answer"};
  const auto after = [](const Error& first, bool first_by_service, const Error& second,
                        bool second_by_service) {
    RoutePicker picker(two_routes(), true, kStart);
    picker.next_start(kStart);
    picker.failed(0, first, kStart, first_by_service);
    EXPECT_FALSE(picker.refused_alike()) << "another way has not been tried";
    picker.next_start(kStart);
    picker.failed(1, second, kStart, second_by_service);
    EXPECT_EQ(picker.refused_alike(), picker.why() == "the service refuses: was revoked");
    return picker.refused_alike();
  };
  EXPECT_TRUE(after(revoked, true, revoked, true));
  EXPECT_TRUE(after(silent, false, revoked, true));
  EXPECT_FALSE(after(silent, false, silent, false));
  EXPECT_FALSE(after(revoked, false, silent, false)) << "a proxy's word is not the service's";
  EXPECT_FALSE(after(overtaken, true, revoked, true));
  EXPECT_FALSE(after({ErrorCode::kExhausted, "full"}, true, {ErrorCode::kExhausted, "full"}, true));
}

TEST(RoutePicker, gives_a_remembered_route_a_head_start) {
  RoutePicker picker(two_routes(), true, kStart);
  EXPECT_EQ(picker.next_start(kStart), 0u);
  EXPECT_EQ(picker.next_start(kStart + milliseconds{1999}), std::nullopt);
  EXPECT_EQ(picker.next_start(kStart + milliseconds{2000}), 1u);
}

TEST(RoutePicker, starts_nothing_more_once_one_has_won) {
  RoutePicker picker(two_routes(), false, kStart);
  EXPECT_EQ(picker.next_start(kStart), 0u);
  picker.won(0);
  EXPECT_EQ(picker.next_start(kStart + milliseconds{5000}), std::nullopt);
  EXPECT_EQ(picker.next_deadline(), std::nullopt);
  EXPECT_EQ(picker.why(), "the first to answer");
}

TEST(RoutePicker, tries_a_proxy_that_was_found_before_what_is_only_imaginable) {
  auto routes = two_routes();
  routes.push_back(way("websocket", "192.0.2.1:443"));
  RoutePicker picker(routes, false, kStart);
  EXPECT_EQ(picker.next_start(kStart), 0u);
  auto by_requests = way("http-proxy", "192.0.2.9:3128"),
       by_connect = way("connect", "192.0.2.9:3128");
  auto by_tls = way("connect-tls", "192.0.2.9:3128");
  for (auto* found : {&by_requests, &by_connect, &by_tls, &by_connect}) {
    found->proxy = *carrier::parse_proxy("http://192.0.2.9:3128");
    picker.add(*found);
  }
  std::vector<std::size_t> order;
  for (auto now = kStart; const auto next = picker.next_start(now += milliseconds{400});)
    order.push_back(*next);
  EXPECT_EQ(order, (std::vector<std::size_t>{4, 5, 1, 2, 3}));
}

std::vector<std::string> started(RoutePicker& picker) {
  std::vector<std::string> out;
  for (auto now = kStart; const auto next = picker.next_start(now += milliseconds{400});)
    out.push_back(std::string(picker.way(*next).recipe->name) + " " +
                  picker.way(*next).first_hop.to_string());
  return out;
}

TEST(RoutePicker, asks_proxies_in_turns_while_they_are_silent) {
  std::vector<carrier::Way> ways;
  for (const char* at : {"192.0.2.8:3128", "192.0.2.9:3128"})
    for (const char* recipe : {"connect", "connect-tls"}) {
      ways.push_back(way(recipe, at));
      ways.back().proxy = *carrier::parse_proxy(std::string("http://") + at);
    }
  RoutePicker picker(ways, false, kStart);
  EXPECT_EQ(started(picker),
            (std::vector<std::string>{"connect 192.0.2.8:3128", "connect 192.0.2.9:3128",
                                      "connect-tls 192.0.2.8:3128", "connect-tls 192.0.2.9:3128"}));
}

TEST(RoutePicker, tries_another_port_when_two_attempts_at_one_wait) {
  auto ways = two_routes();
  for (const char* recipe : {"websocket", "http"}) ways.push_back(way(recipe, "192.0.2.1:443"));
  ways.push_back(way("http-80", "192.0.2.1:80"));
  RoutePicker picker(ways, false, kStart);
  EXPECT_EQ(
      started(picker),
      (std::vector<std::string>{"direct 192.0.2.1:443", "tls 192.0.2.1:443", "http-80 192.0.2.1:80",
                                "websocket 192.0.2.1:443", "http 192.0.2.1:443"}));
}

TEST(RoutePicker, tells_what_it_waits_for_and_what_has_failed_meanwhile) {
  RoutePicker picker(two_routes(), false, kStart);
  EXPECT_EQ(picker.progress("it has only begun"), "it has only begun");
  ASSERT_EQ(picker.next_start(kStart), 0u);
  EXPECT_EQ(picker.progress("it has only begun"), "waiting for direct to 192.0.2.1:443");
  picker.failed(0, {ErrorCode::kRefused, "connection refused"}, kStart);
  EXPECT_EQ(picker.progress("before"), "before");
  ASSERT_EQ(picker.next_start(kStart), 1u);
  EXPECT_EQ(picker.progress(""),
            "waiting for tls to 192.0.2.1:443; direct to 192.0.2.1:443: connection refused");
}

std::vector<std::string> described(const std::vector<carrier::Way>& ways) {
  std::vector<std::string> out;
  for (const auto& one : ways) out.push_back(to_string(one));
  return out;
}

WayOptions options_with_proxies() {
  WayOptions options;
  options.service = {"service.example.net", 443};
  options.proxies = {*carrier::parse_proxy("http://ann:secret@proxy:3128")};
  return options;
}

TEST(WayPlan, goes_through_proxies_first_and_by_each_recipe_of_their_kind) {
  const WayAddresses addresses{{address("192.0.2.1:1").ip, address("[2001:db8::1]:1").ip},
                               {{address("192.0.2.9:1").ip}}};
  EXPECT_EQ(
      described(plan_ways(options_with_proxies(), addresses)),
      (std::vector<std::string>{
          "connect through http://proxy:3128 (192.0.2.9) to service.example.net:443",
          "connect-tls through http://proxy:3128 (192.0.2.9) to service.example.net:443",
          "proxy-websocket through http://proxy:3128 (192.0.2.9) to service.example.net:443",
          "connect-websocket through http://proxy:3128 (192.0.2.9) to service.example.net:443",
          "connect-websocket-tls through http://proxy:3128 (192.0.2.9) to service.example.net:443",
          "direct to 192.0.2.1:443",
          "direct to [2001:db8::1]:443",
          "tls to 192.0.2.1:443",
          "tls to [2001:db8::1]:443",
          "websocket to 192.0.2.1:443",
          "websocket to [2001:db8::1]:443",
          "websocket-tls to 192.0.2.1:443",
          "websocket-tls to [2001:db8::1]:443",
          "http-proxy through http://proxy:3128 (192.0.2.9) to service.example.net:443",
          "connect-http-tls through http://proxy:3128 (192.0.2.9) to service.example.net:443",
          "http-proxy-80 through http://proxy:3128 (192.0.2.9) to service.example.net:80",
          "http to 192.0.2.1:443",
          "http to [2001:db8::1]:443",
          "http-tls to 192.0.2.1:443",
          "http-tls to [2001:db8::1]:443",
          "http-80 to 192.0.2.1:80",
          "http-80 to [2001:db8::1]:80"}));
}

TEST(WayPlan, does_not_try_port_80_twice_for_a_service_that_is_there) {
  auto options = options_with_proxies();
  options.service.port = 80;
  for (const auto& way :
       plan_ways(options, {{address("192.0.2.1:1").ip}, {{address("192.0.2.9:1").ip}}}))
    EXPECT_EQ(way.recipe->fixed_port, 0) << way.recipe->name;
  options.via = "http-80";
  EXPECT_EQ(described(plan_ways(options, {{address("192.0.2.1:1").ip}, {{}}})),
            std::vector<std::string>{"http-80 to 192.0.2.1:80"});
}

TEST(WayPlan, tells_a_name_beside_a_number_after_the_ways_that_tell_none) {
  WayOptions options;
  options.service = {"192.0.2.1", 443};
  options.proxies = {*carrier::parse_proxy("http://proxy:3128")};
  const WayAddresses addresses{{address("192.0.2.1:1").ip}, {{address("192.0.2.9:1").ip}}};
  const auto without = described(plan_ways(options, addresses));
  options.also_named = "example.net";
  auto with = described(plan_ways(options, addresses));
  std::vector<std::string> named;
  std::ranges::copy_if(with, std::back_inserter(named), [](const std::string& way) {
    return way.find("example.net") != std::string::npos;
  });
  EXPECT_EQ(
      named,
      (std::vector<std::string>{
          "tls to 192.0.2.1:443 as example.net", "websocket-tls to 192.0.2.1:443 as example.net",
          "connect through http://proxy:3128 (192.0.2.9) to example.net:443",
          "connect-tls through http://proxy:3128 (192.0.2.9) to example.net:443",
          "http-proxy through http://proxy:3128 (192.0.2.9) to example.net:443",
          "http to 192.0.2.1:443 as example.net", "http-tls to 192.0.2.1:443 as example.net",
          "http-80 to 192.0.2.1:80 as example.net"}));
  const auto last_connection = std::ranges::find(with, "websocket-tls to 192.0.2.1:443");
  EXPECT_EQ(*(last_connection + 1), named.front());
  EXPECT_TRUE((last_connection + 3)->starts_with("http-proxy through"));
  std::erase_if(with, [](const auto& way) { return way.find("example.net") != way.npos; });
  EXPECT_EQ(with, without);
}

TEST(WayPlan, names_a_service_beside_its_number_as_it_did_itself_or_by_its_domain) {
  EXPECT_EQ(name_beside({"192.0.2.1", 443}, {"culvert.test", 443}, "example.net"), "culvert.test");
  EXPECT_EQ(name_beside({"192.0.2.1", 443}, {"192.0.2.1", 443}, "example.net"), "example.net");
  EXPECT_EQ(name_beside({"2001:db8::1", 443}, {"192.0.2.1", 443}, "example.net"), "example.net");
  EXPECT_EQ(name_beside({"culvert.test", 443}, {"192.0.2.1", 443}, "example.net"), "");
}

TEST(WayPlan, remembers_a_named_way_apart_from_the_one_that_is_not) {
  WayOptions options;
  options.service = {"192.0.2.1", 443};
  options.also_named = "example.net";
  auto ways = plan_ways(options, {{address("192.0.2.1:1").ip}, {}});
  ASSERT_TRUE(put_first(ways, "tls=example.net 192.0.2.1:443"));
  EXPECT_EQ(to_string(ways.front()), "tls to 192.0.2.1:443 as example.net");
  const std::string key = "connect=example.net 10.0.0.1:3128 http://proxy.site:3128";
  const auto way = way_from_key(key, options);
  ASSERT_TRUE(way);
  EXPECT_EQ(way_key(*way), key);
  EXPECT_EQ(way->service.to_string(), "example.net:443");
  options.also_named = "example.org";
  EXPECT_FALSE(way_from_key(key, options));
}

TEST(WayPlan, goes_through_a_proxy_though_the_service_does_not_resolve) {
  auto options = options_with_proxies();
  options.via = "connect-tls";
  options.tls_port = 8443;
  EXPECT_EQ(described(plan_ways(options, {{}, {{address("192.0.2.9:1").ip}}})),
            (std::vector<std::string>{
                "connect-tls through http://proxy:3128 (192.0.2.9) to service.example.net:8443"}));
  EXPECT_TRUE(plan_ways(options, {{address("192.0.2.1:1").ip}, {{}}}).empty());
}

TEST(WayPlan, puts_the_remembered_way_first_only_if_it_is_still_among_them) {
  const WayAddresses addresses{{address("192.0.2.1:1").ip}, {{address("192.0.2.9:1").ip}}};
  auto ways = plan_ways(options_with_proxies(), addresses);
  const auto last = way_key(ways[1]);
  EXPECT_EQ(last, "connect-tls 192.0.2.9:3128 http://proxy:3128");
  EXPECT_TRUE(put_first(ways, last));
  EXPECT_EQ(way_key(ways[0]), last);
  EXPECT_EQ(way_key(ways[1]), "connect 192.0.2.9:3128 http://proxy:3128");
  EXPECT_FALSE(put_first(ways, "tls 192.0.2.77:443"));
  EXPECT_FALSE(put_first(ways, ""));
}

TEST(ReconnectDelay, doubles_up_to_30_s_never_below_half_a_second_and_starts_anew) {
  SystemRandom random;
  ReconnectDelay delay;
  for (int i = 0; i < 20; ++i) {
    const auto wait = delay.next(random);
    EXPECT_GE(wait, Duration{milliseconds{500}});
    EXPECT_LE(wait, Duration{std::chrono::seconds{30}});
    if (i > 8) {
      EXPECT_GE(wait, Duration{std::chrono::seconds{15}});
    }
  }
  delay.reset();
  EXPECT_LE(delay.next(random), Duration{std::chrono::seconds{1}});
}

TEST(ReconnectDelay, waits_for_minutes_only_while_it_may) {
  SystemRandom random;
  ReconnectDelay delay;
  for (int i = 0; i < 6; ++i) delay.next(random);
  for (int i = 0; i < 6; ++i) delay.next(random, ReconnectDelay::kMostRefused);
  EXPECT_GE(delay.next(random, ReconnectDelay::kMostRefused), std::chrono::seconds{150});
  EXPECT_LE(delay.next(random, ReconnectDelay::kMostRefused), std::chrono::seconds{300});
  EXPECT_LE(delay.next(random), std::chrono::seconds{30}) << "something else stands in the way now";
  EXPECT_LE(delay.next(random, ReconnectDelay::kMostRefused), std::chrono::seconds{60});
}

struct Asker final : LookupRequest::Listener {
  void on_looked_up(LookupRequest&, Result<ByteVector> answer) override {
    ++told;
    error = answer ? ErrorCode::kNone : answer.error().code;
    if (victim != nullptr) victim->reset();
  }
  int told = 0;
  ErrorCode error = ErrorCode::kNone;
  std::unique_ptr<LookupRequest>* victim = nullptr;
};

constexpr auto kEndpoint = control::Lookup::Kind::kEndpoint;

TEST(Lookups, asks_once_for_two_askers_of_one_name) {
  Lookups lookups;
  Asker one, two;
  LookupRequest first(one), second(two);
  ASSERT_TRUE(lookups.ask(kEndpoint, "b.example.net", kStart, first));
  ASSERT_TRUE(lookups.ask(kEndpoint, "b.example.net", kStart, second));
  const auto sent = lookups.take_unsent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(lookups.take_unsent().empty());
  lookups.answered({sent[0].query, ErrorCode::kNone, "", {}});
  lookups.answered({sent[0].query, ErrorCode::kNone, "", {}});  // twice: ignored
  EXPECT_EQ(one.told, 1);
  EXPECT_EQ(two.told, 1);
}

TEST(Lookups, says_try_again_when_the_time_is_over_and_sends_again_after_a_lost_session) {
  Lookups lookups;
  Asker asker;
  LookupRequest request(asker);
  ASSERT_TRUE(lookups.ask(kEndpoint, "b.example.net", kStart, request));
  EXPECT_EQ(lookups.take_unsent().size(), 1u);
  lookups.session_lost();
  EXPECT_EQ(lookups.take_unsent().size(), 1u);
  EXPECT_EQ(lookups.next_deadline(), kStart);
  lookups.tick(kStart - milliseconds{1});
  EXPECT_EQ(asker.told, 0);
  lookups.tick(kStart);
  EXPECT_EQ(asker.error, ErrorCode::kTryAgain);
  EXPECT_EQ(lookups.next_deadline(), std::nullopt);
}

TEST(Lookups, an_asker_may_destroy_another_one_while_being_told) {
  Lookups lookups;
  Asker one, two;
  LookupRequest first(one);
  auto second = std::make_unique<LookupRequest>(two);
  one.victim = &second;
  ASSERT_TRUE(lookups.ask(kEndpoint, "b.example.net", kStart, first));
  ASSERT_TRUE(lookups.ask(kEndpoint, "b.example.net", kStart, *second));
  lookups.tick(kStart);
  EXPECT_EQ(one.told, 1);
  EXPECT_EQ(two.told, 0);
}

TEST(Lookups, forgets_an_asker_that_went_away) {
  Lookups lookups;
  Asker asker;
  {
    LookupRequest request(asker);
    ASSERT_TRUE(lookups.ask(kEndpoint, "b.example.net", kStart, request));
  }
  EXPECT_TRUE(lookups.take_unsent().empty());
  lookups.tick(kStart);
  EXPECT_EQ(asker.told, 0);
}

}  // namespace
}  // namespace culvert::agent
