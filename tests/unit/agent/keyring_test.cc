#include "agent/keyring.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "agent/way_plan.h"

namespace culvert::agent {
namespace {

// No other process of this user asks for that one.
HostPort proxy() { return {"keyring-test-" + std::to_string(::getpid()) + ".invalid", 3128}; }

TEST(Keyring, KeepsWhoWeAreToOneProxyUntilItIsTakenAway) {
  if (const auto kept = keep_in_keyring(proxy(), "CORP\\ann", "first"); !kept)
    GTEST_SKIP() << kept.error().detail;  // a container that has none
  EXPECT_TRUE(keep_in_keyring(proxy(), "CORP\\ann", "a:b c\n"));
  const auto found = find_in_keyring(proxy());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->domain, "CORP");
  EXPECT_EQ(found->user, "ann");
  EXPECT_EQ(found->password, "a:b c\n");
  EXPECT_FALSE(find_in_keyring({proxy().host, 3129}));
  EXPECT_TRUE(remove_from_keyring(proxy()).value());
  EXPECT_FALSE(find_in_keyring(proxy()));
  EXPECT_FALSE(remove_from_keyring(proxy()).value());
}

TEST(Keyring, TakesNoUserWithoutAName) {
  EXPECT_FALSE(keep_in_keyring(proxy(), "", "secret"));
  EXPECT_FALSE(keep_in_keyring(proxy(), std::string("a\0b", 3), "secret"));
  EXPECT_FALSE(keep_in_keyring(proxy(), "ann", std::string(2000, 'x')));
}

TEST(Keyring, AsksForLoginsOfProxiesThatPeopleHaveNamedAlone) {
  WayOptions options{{"192.0.2.9", 443}, "auto", 0, {}, {}};
  std::vector<std::string> asked;
  options.find_login = [&](const HostPort& proxy) {
    asked.push_back(proxy.to_string());
    return std::optional(carrier::ProxyCredentials{"", "ann", "secret"});
  };
  WayAddresses addresses{{*IpAddress::parse("192.0.2.9")}, {}};
  for (const char* url : {"http://ours:3128", "http://bob:word@known:3128", "http://announced:3128",
                          "http://passing:3128", "http://first:1 -> http://last:2"}) {
    auto proxy = *carrier::parse_proxy(url);
    proxy.trusted = proxy.at.host != "announced";
    proxy.passing = proxy.at.host == "passing";
    options.proxies = {proxy};
    addresses.proxies = {{*IpAddress::parse("192.0.2.1")}};
    asked.clear();
    const auto ways = plan_ways(options, addresses);
    const auto& planned = *ways.front().proxy;
    const bool told = planned.credentials.has_value();
    EXPECT_EQ(told, proxy.trusted && !proxy.passing) << url;
    EXPECT_EQ(asked.empty(), !told || proxy.credentials) << url;
    if (proxy.credentials) {
      EXPECT_EQ(planned.credentials->user, "bob");
    }
    for (const auto& hop : planned.before) EXPECT_EQ(hop.credentials->user, "ann");
  }
}

}  // namespace
}  // namespace culvert::agent
