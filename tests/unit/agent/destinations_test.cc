#include "agent/destinations.h"

#include <gtest/gtest.h>

#include <random>
#include <sstream>

namespace culvert::agent {
namespace {

IpPrefix prefix(const char* text) { return *IpPrefix::parse(text); }
resolver::NamePattern pattern(const char* text) { return *resolver::NamePattern::parse(text); }

// A world with all kinds of rules; [outside] is off at first.
class DestinationsTest : public ::testing::Test {
 protected:
  DestinationsTest() {
    ForwardRule first;
    first.domains = {pattern("*.listed.test")};
    first.exclude = {pattern("not.listed.test")};
    first.addresses = {prefix("10.20.0.0/16"), prefix("2001:db8:1::/48")};
    first.exclude_addresses = {prefix("10.20.1.0/24")};
    ForwardRule second;
    second.addresses = {prefix("10.20.1.7/32")};
    config.forward = {first, second};
  }
  Way of(const char* host) {
    why.clear();
    return destinations.of_name(host, &why);
  }
  std::string last_but_one() const { return why.size() < 2 ? "" : why[why.size() - 2]; }

  AgentConfig config;
  Destinations destinations{config, "example.net", HostPort{"service.example.org", 443}};
  Destinations::Steps why;
};

TEST_F(DestinationsTest, send_virtual_names_to_their_machines) {
  EXPECT_EQ(of("a.b.example.net"), Way::kEndpoint);
  EXPECT_EQ(of("example.net"), Way::kDirect) << "the domain itself is nobody's name";
  EXPECT_EQ(of("badexample.net"), Way::kDirect);
}

TEST_F(DestinationsTest, forward_what_an_entry_lists_and_does_not_exclude) {
  EXPECT_EQ(of("a.listed.test"), Way::kService);
  EXPECT_EQ(of("not.listed.test"), Way::kDirect);
  EXPECT_EQ(of("10.20.3.4"), Way::kService);
  EXPECT_EQ(of("10.20.1.4"), Way::kDirect);
  EXPECT_EQ(of("10.20.1.7"), Way::kService) << "another entry lists it";
  EXPECT_EQ(of("10.21.0.1"), Way::kDirect);
  EXPECT_EQ(of("2001:db8:1:2::3"), Way::kService);
  EXPECT_EQ(of("2001:db8:2::3"), Way::kDirect);
}

TEST_F(DestinationsTest, never_carry_this_machine_nor_the_service_itself) {
  config.forward[0].addresses = {prefix("0.0.0.0/0"), prefix("::/0")};
  config.forward[0].domains = {pattern("*")};
  for (const char* host :
       {"127.0.0.1", "0.0.0.0", "169.254.1.1", "224.0.0.1", "255.255.255.255", "::1",
        "::", "fe80::1", "ff02::1", "localhost", "a.localhost", "service.example.org"})
    EXPECT_EQ(of(host), Way::kDirect) << host;
  const Destinations numeric(config, "example.net", HostPort{"192.0.2.9", 443});
  EXPECT_EQ(numeric.of_address(*IpAddress::parse("192.0.2.9")), Way::kDirect);
  EXPECT_EQ(numeric.of_address(*IpAddress::parse("192.0.2.8")), Way::kService);
}

TEST_F(DestinationsTest, forward_everything_outside_only_where_that_is_configured) {
  EXPECT_EQ(of("www.example.org"), Way::kDirect);
  config.outside.forward = Forwarding::kAlways;
  config.outside.internal_domains = {pattern("*.corp.example")};
  config.outside.internal_addresses = {prefix("198.51.100.0/24")};
  EXPECT_EQ(of("www.example.org"), Way::kService);
  EXPECT_EQ(of("192.0.2.1"), Way::kService);
  EXPECT_EQ(of("2001:db8:2::3"), Way::kService);
  for (const char* host : {"a.corp.example", "198.51.100.7", "printer", "tv.local", "nas.home.arpa",
                           "192.168.1.1", "172.20.0.1", "100.64.0.1", "fd00::1"})
    EXPECT_EQ(of(host), Way::kDirect) << host;
  EXPECT_EQ(of("10.20.3.4"), Way::kService) << "a [[forward]] entry comes first";
}

TEST_F(DestinationsTest, take_the_machines_own_network_for_internal_unless_told_otherwise) {
  config.outside.forward = Forwarding::kAlways;
  destinations.set_local({{prefix("192.0.2.0/24")}, {"near.example"}});
  EXPECT_TRUE(destinations.discovers());
  EXPECT_EQ(of("192.0.2.1"), Way::kDirect);
  EXPECT_EQ(last_but_one(),
            "192.0.2.1 is internal: 192.0.2.0/24 is a subnet of this machine's own interfaces.");
  EXPECT_EQ(of("www.near.example"), Way::kDirect);
  config.outside.discover = false;
  EXPECT_FALSE(destinations.discovers());
  EXPECT_EQ(of("192.0.2.1"), Way::kService);
  EXPECT_EQ(of("www.near.example"), Way::kService);
}

TEST_F(DestinationsTest, explain_each_step_in_a_sentence) {
  EXPECT_EQ(of("a.listed.test"), Way::kService);
  EXPECT_EQ(why, (Destinations::Steps{"'a.listed.test' is no virtual name: it is not below "
                                      "'example.net', the domain of the service.",
                                      "A [[forward]] entry lists '*.listed.test'.",
                                      "The connection goes through the service."}));
  EXPECT_EQ(of("10.20.1.4"), Way::kDirect);
  EXPECT_EQ(why, (Destinations::Steps{
                     "A [[forward]] entry lists 10.20.0.0/16 and excludes 10.20.1.0/24.",
                     "No [[forward]] entry lists 10.20.1.4.",
                     "Connections to it are made directly, as if there were no Culvert."}));
}

// The shim asks about nothing else, so what it does not ask about must be decided as direct.
class AskedPrefixes : public ::testing::TestWithParam<unsigned> {};

bool is_asked(const std::string& prefixes, const IpAddress& address) {
  std::istringstream words(prefixes);
  for (std::string word; words >> word;) {
    const bool forwarded = word.front() != '!';
    if (IpPrefix::parse(word.substr(forwarded ? 0 : 1))->contains(address)) return forwarded;
  }
  return false;
}

TEST_P(AskedPrefixes, leave_out_only_what_is_direct) {
  std::mt19937 random(GetParam());
  const auto some_prefix = [&] {
    return IpPrefix{IpAddress::v4(static_cast<std::uint32_t>(random() % 8) << 29 | random() % 2),
                    1 + static_cast<unsigned>(random() % 32)};
  };
  AgentConfig config;
  for (unsigned i = random() % 4; i > 0; --i) {
    auto& rule = config.forward.emplace_back();
    rule.addresses = {some_prefix(), some_prefix()};
    if (random() % 2 == 0) rule.exclude_addresses = {some_prefix()};
  }
  if (random() % 2 == 0) config.outside.forward = Forwarding::kAlways;
  config.outside.internal_addresses = {some_prefix()};
  const Destinations destinations(config, "example.net", {});
  const auto asked = destinations.asked_prefixes();
  for (int i = 0; i < 2000; ++i) {
    const auto address =
        IpAddress::v4(static_cast<std::uint32_t>(random() % 8) << 29 | random() % 4);
    if (is_asked(asked, address)) continue;
    EXPECT_EQ(destinations.of_address(address), Way::kDirect) << address.to_string() << asked;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, AskedPrefixes, ::testing::Range(1u, 33u));

TEST(HostedNames, lead_to_the_service_as_long_as_it_says_so) {
  AgentConfig config;
  Destinations destinations(config, "example.net", {});
  EXPECT_EQ(destinations.of_name("room.example.net"), Way::kEndpoint);
  destinations.set_hosted("room.example.net", true);
  EXPECT_EQ(destinations.of_name("room.example.net"), Way::kService);
  EXPECT_EQ(destinations.of_name("b.example.net"), Way::kEndpoint);
  destinations.set_hosted("room.example.net", false);
  EXPECT_EQ(destinations.of_name("room.example.net"), Way::kEndpoint);
}

TEST(HostedNames, are_bounded) {
  AgentConfig config;
  Destinations destinations(config, "example.net", {});
  for (std::size_t i = 0; i <= Destinations::kMostHosted; ++i)
    destinations.set_hosted(std::to_string(1000 + i) + ".example.net", true);
  EXPECT_EQ(destinations.of_name("1000.example.net"), Way::kEndpoint);
  EXPECT_EQ(destinations.of_name(std::to_string(1000 + Destinations::kMostHosted) + ".example.net"),
            Way::kService);
}

TEST(HostedNames, give_way_to_a_new_one_only_and_only_the_one_told_of_longest_ago) {
  AgentConfig config;
  Destinations destinations(config, "example.net", {});
  const auto name = [](std::size_t i) { return std::to_string(1000 + i) + ".example.net"; };
  for (std::size_t i = 0; i < Destinations::kMostHosted; ++i)
    destinations.set_hosted(name(i), true);
  destinations.set_hosted(name(0), true);  // known already, so there is room for it
  for (std::size_t i = 0; i < Destinations::kMostHosted; ++i)
    ASSERT_EQ(destinations.of_name(name(i)), Way::kService) << name(i);
  destinations.set_hosted("room.example.net", true);
  EXPECT_EQ(destinations.of_name("room.example.net"), Way::kService);
  EXPECT_EQ(destinations.of_name(name(0)), Way::kService) << "it was told of again";
  EXPECT_EQ(destinations.of_name(name(1)), Way::kEndpoint);
  for (std::size_t i = 2; i < Destinations::kMostHosted; ++i)
    ASSERT_EQ(destinations.of_name(name(i)), Way::kService) << name(i);
}

TEST(LocalNetwork, reads_search_domains) {
  EXPECT_EQ(search_domains("nameserver 192.0.2.1\nsearch Corp.Example lab.example.\n"
                           "domain other.example\n# search no.example\nsearch ..\n"),
            (std::vector<std::string>{"corp.example", "lab.example", "other.example"}));
}

TEST(LocalNetwork, leaves_loopback_out) {
  for (const auto& subnet : discover_local_network().subnets)
    EXPECT_FALSE(subnet.contains(IpAddress::v4(0x7f000001))) << subnet.to_string();
}

}  // namespace
}  // namespace culvert::agent
