#include "agent/user_proxies.h"

#include <gtest/gtest.h>

namespace culvert::agent {
namespace {

constexpr uid_t kAgent = 990, kAnn = 1000, kBob = 1001;

AccessPolicy only(uid_t uid) {
  AccessPolicy policy;
  policy.users = {uid};
  return policy;
}

TEST(UserProxies, OfTheAgentsUserAndOfRootAreAsGoodAsItsEnvironment) {
  UserProxies proxies({}, kAgent);
  EXPECT_TRUE(*proxies.name(kAgent, "http://me:secret@10.0.0.1:3128"));
  EXPECT_TRUE(*proxies.name(0, "socks5://10.0.0.2:1080"));
  const auto hints = proxies.hints();
  ASSERT_EQ(hints.size(), 2u);
  for (const auto& hint : hints) {
    EXPECT_TRUE(hint.trusted);
    EXPECT_FALSE(hint.passing);
  }
  EXPECT_EQ(hints[1].url, "http://me:secret@10.0.0.1:3128");
}

TEST(UserProxies, OfOthersCountOnlyIfTheConfigurationSaysSo) {
  UserProxies proxies(only(kAnn), kAgent);
  EXPECT_EQ(proxies.name(kBob, "http://10.0.0.1:3128").error().code, ErrorCode::kNotPermitted);
  EXPECT_TRUE(*proxies.name(kAnn, "http://10.0.0.1:3128"));
  EXPECT_EQ(proxies.hints().size(), 1u);
}

TEST(UserProxies, OfOthersComeLastWithoutTrustAndWithoutPasswords) {
  UserProxies proxies(only(kAnn), kAgent);
  EXPECT_TRUE(*proxies.name(kAnn, "http://ann:secret@10.0.0.1:3128"));
  EXPECT_TRUE(*proxies.name(kAgent, "http://10.0.0.9:3128"));
  const auto hints = proxies.hints();
  ASSERT_EQ(hints.size(), 2u);
  EXPECT_EQ(hints[1].url, "http://10.0.0.1:3128");
  EXPECT_FALSE(hints[1].trusted);
  EXPECT_TRUE(hints[1].passing);
  EXPECT_FALSE(proxies.name(kAnn, "http://10.0.0.1:1 -> http://127.0.0.1:2"));
}

TEST(UserProxies, MayBeNamedByScriptsOfTheWeb) {
  UserProxies proxies(only(kAnn), kAgent);
  EXPECT_TRUE(*proxies.name(kAnn, "pac+http://10.0.0.1/proxy.pac"));
  EXPECT_FALSE(*proxies.name(kAnn, "pac+http://10.0.0.1/proxy.pac")) << "known already";
  EXPECT_TRUE(*proxies.name(kAgent, "pac+file:///home/me/proxy.pac"));
  const auto hints = proxies.hints();
  ASSERT_EQ(hints.size(), 2u);
  EXPECT_EQ(hints[0].url, "file:///home/me/proxy.pac");
  EXPECT_TRUE(hints[0].script && hints[0].trusted && !hints[0].passing);
  EXPECT_EQ(hints[1].url, "http://10.0.0.1/proxy.pac");
  EXPECT_EQ(hints[1].source, "the PAC script of a program of user 1000");
  EXPECT_TRUE(hints[1].script && !hints[1].trusted && hints[1].passing);
}

TEST(UserProxies, AreNotNamedByScriptsOfOthersInFilesNorByStrangeUrls) {
  UserProxies proxies(only(kAnn), kAgent);
  EXPECT_EQ(proxies.name(kAnn, "pac+file:///etc/shadow").error().code, ErrorCode::kNotPermitted);
  EXPECT_EQ(proxies.name(kBob, "pac+http://10.0.0.1/").error().code, ErrorCode::kNotPermitted);
  for (const auto* bad : {"pac+", "pac+ftp://10.0.0.1/x", "pac+http://10.0.0.1/a b",
                          "pac+http://10.0.0.1/\n", "pac+http://10.0.0.1/\xff", "pac+data:,x"})
    EXPECT_EQ(proxies.name(kAnn, bad).error().code, ErrorCode::kBadInput) << bad;
  EXPECT_TRUE(proxies.hints().empty());
}

TEST(UserProxies, AreFewOfEachAndOfFew) {
  AccessPolicy all;
  all.all = true;
  UserProxies proxies(all, kAgent);
  for (int i = 1; i <= 20; ++i)
    EXPECT_TRUE(*proxies.name(kAnn, "http://10.0.0." + std::to_string(i) + ":3128"));
  EXPECT_FALSE(*proxies.name(kAnn, "http://10.0.0.20:3128")) << "known already";
  EXPECT_EQ(proxies.hints().size(), UserProxies::kMostOfOne);
  EXPECT_EQ(proxies.hints().back().url, "http://10.0.0.20:3128") << "the last are kept";
  std::size_t refused = 0;
  for (uid_t uid = 2000; uid < 2100; ++uid)
    refused += proxies.name(uid, "http://10.0.0.1:3128") ? 0u : 1u;
  EXPECT_EQ(refused, 100u - (UserProxies::kMostUsers - 1));
  EXPECT_FALSE(proxies.name(kAnn, "gopher://10.0.0.1"));
}

}  // namespace
}  // namespace culvert::agent
