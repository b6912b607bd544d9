#include "service/guard.h"

#include <gtest/gtest.h>

namespace culvert::service {
namespace {

IpAddress ip(const std::string& text) { return *IpAddress::parse(text); }
IpPrefix prefix(const std::string& text) { return *IpPrefix::parse(text); }

Guard make_guard(const std::vector<std::string>& allow = {},
                 const std::vector<std::string>& deny = {}) {
  std::vector<IpPrefix> opened, closed;
  for (const auto& text : allow) opened.push_back(prefix(text));
  for (const auto& text : deny) closed.push_back(prefix(text));
  Guard guard(opened, closed);
  guard.set_own({ip("198.41.0.4"), ip("2001:503:ba3e::2:30"), ip("10.1.2.3")}, {443});
  return guard;
}

class HostileAddress : public testing::TestWithParam<const char*> {};

TEST_P(HostileAddress, IsRefusedWithAReason) {
  const auto outcome = make_guard().check({ip(GetParam()), 80});
  ASSERT_FALSE(outcome) << GetParam() << " came out as " << outcome->to_string();
  EXPECT_EQ(outcome.error().code, ErrorCode::kNotPermitted);
  EXPECT_NE(outcome.error().detail.find("does not connect to"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Guard, HostileAddress,
    testing::Values("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.1.2.3", "127.255.255.255", "10.0.0.1",
                    "10.255.255.255", "100.64.0.1", "100.127.255.254", "169.254.169.254",
                    "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1",
                    "192.168.0.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.7",
                    "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
                    "::", "::1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fd00:ec2::254",
                    "fdff::1", "ff02::1", "2001:db8::1", "2001:10::1", "2001:2::1", "3fff::1",
                    "100::1", "4000::1",
                    // IPv4 in other clothes: mapped, compatible, 6to4, NAT64, local NAT64, Teredo.
                    "::ffff:127.0.0.1", "::ffff:0.0.0.0", "::ffff:10.1.1.1",
                    "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1",
                    "2002:7f00:1::", "2002:0a00:1::1", "2002:a9fe:a9fe::1", "64:ff9b::127.0.0.1",
                    "64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8",
                    "2001:0:4136:e378:8000:63bf:80ff:fffe",  // Teredo of 127.0.0.1
                    // This machine's own.
                    "198.41.0.4", "::ffff:198.41.0.4", "2002:c629:4::1", "2001:503:ba3e::2:30"));

class OrdinaryAddress : public testing::TestWithParam<const char*> {};

TEST_P(OrdinaryAddress, IsPermittedAsItStands) {
  const auto outcome = make_guard().check({ip(GetParam()), 80});
  ASSERT_TRUE(outcome) << outcome.error().detail;
  EXPECT_EQ(outcome->ip.to_string(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Guard, OrdinaryAddress,
                         testing::Values("8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0",
                                         "100.63.255.255", "100.128.0.0", "172.15.255.255",
                                         "172.32.0.0", "192.167.255.255", "198.17.255.255",
                                         "223.255.255.255", "2606:4700:4700::1111",
                                         "64:ff9b::808:808"));

TEST(Guard, HandsOutTheIpv4AddressThatADisguiseMeans) {
  const auto guard = make_guard();
  EXPECT_EQ(guard.check({ip("::ffff:8.8.8.8"), 53})->to_string(), "8.8.8.8:53");
  EXPECT_EQ(guard.check({ip("2002:808:808::1"), 53})->to_string(), "8.8.8.8:53");
}

TEST(Guard, OpensWhatTheAdministratorAllowsAndNothingBesideIt) {
  const auto guard = make_guard({"10.20.0.0/16", "127.0.0.5/32", "fd12::/16"});
  EXPECT_TRUE(guard.check({ip("10.20.3.4"), 22}));
  EXPECT_TRUE(guard.check({ip("::ffff:10.20.3.4"), 22}));
  EXPECT_TRUE(guard.check({ip("127.0.0.5"), 22}));
  EXPECT_TRUE(guard.check({ip("fd12::1"), 22}));
  EXPECT_FALSE(guard.check({ip("10.21.0.1"), 22}));
  EXPECT_FALSE(guard.check({ip("127.0.0.1"), 22}));
  EXPECT_FALSE(guard.check({ip("fd13::1"), 22}));
}

TEST(Guard, UnderstandsAnAllowedPrefixInMappedForm) {
  EXPECT_TRUE(make_guard({"::ffff:10.20.0.0/112"}).check({ip("10.20.3.4"), 22}));
  EXPECT_FALSE(make_guard({"::ffff:10.20.0.0/112"}).check({ip("10.21.3.4"), 22}));
}

TEST(Guard, LetsDenyWinOverEverything) {
  const auto guard = make_guard({"10.0.0.0/8"}, {"10.9.0.0/16", "8.8.8.0/24"});
  EXPECT_TRUE(guard.check({ip("10.8.0.1"), 22}));
  EXPECT_FALSE(guard.check({ip("10.9.0.1"), 22}));
  EXPECT_FALSE(guard.check({ip("8.8.8.8"), 22}));
  EXPECT_FALSE(guard.check({ip("64:ff9b::8.8.8.8"), 22}));
  EXPECT_FALSE(make_guard({}, {"64:ff9b::/96"}).check({ip("64:ff9b::9.9.9.9"), 22}));
}

TEST(Guard, NeverLeadsBackToTheFrontDoor) {
  const auto guard = make_guard({"127.0.0.0/8", "10.0.0.0/8", "::1/128"});
  for (const auto* own : {"127.0.0.1", "127.9.9.9", "10.1.2.3", "::1"}) {
    EXPECT_FALSE(guard.check({ip(own), 443})) << own;
    EXPECT_TRUE(guard.check({ip(own), 80})) << own;
  }
}

TEST(Guard, RefusesAConnectionThatTurnsOutToEndHere) {
  EXPECT_FALSE(make_guard().check_local_end({ip("9.9.9.9"), 80}));
  EXPECT_TRUE(make_guard({"127.0.0.0/8"}).check_local_end({ip("127.0.0.1"), 80}));
}

TEST(Guard, SaysHowTheAdministratorCanOpenAnAddress) {
  const auto refused = make_guard().check({ip("10.4.4.4"), 80});
  EXPECT_EQ(refused.error().detail,
            "the service does not connect to 10.4.4.4: it is a private network (the service's "
            "administrator can open it with forwarding.allow)");
}

}  // namespace
}  // namespace culvert::service
