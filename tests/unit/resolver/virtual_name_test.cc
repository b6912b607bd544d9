#include "resolver/virtual_name.h"

#include <gtest/gtest.h>

namespace culvert::resolver {
namespace {

TEST(VirtualName, FoldsCaseAndDropsOneTrailingDot) {
  EXPECT_EQ(*canonical_name("DenPC.Home.Example.NET."), "denpc.home.example.net");
  EXPECT_EQ(*canonical_name("_sip._tcp.example.net"), "_sip._tcp.example.net");
  EXPECT_EQ(*canonical_name("localhost"), "localhost");
}

TEST(VirtualName, RefusesWhatIsNoHostName) {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  EXPECT_EQ(longest.size(), kMaxNameSize);
  EXPECT_TRUE(canonical_name(longest));
  EXPECT_TRUE(canonical_name(longest + "."));
  for (const std::string& bad :
       {std::string(), std::string("."), std::string("a..b"), std::string(".a"), std::string("a.."),
        longest + "b", std::string(64, 'a') + ".net", std::string("-a.net"), std::string("a-.net"),
        std::string("a b.net"), std::string("a\0b", 3), std::string("caf\xc3\xa9.net"),
        std::string("192.0.2.1"), std::string("123"), std::string("a/b"), std::string("*.net")}) {
    const auto result = canonical_name(bad);
    ASSERT_FALSE(result) << bad;
    EXPECT_EQ(result.error().code, ErrorCode::kBadInput);
    EXPECT_EQ(result.error().detail.find('\0'), std::string::npos);
  }
}

TEST(VirtualName, IsBelowASuffixOnlyAtALabel) {
  EXPECT_TRUE(is_below("a.example.net", "example.net"));
  EXPECT_TRUE(is_below("example.net", "example.net"));
  EXPECT_TRUE(is_below("example.net", ""));
  EXPECT_FALSE(is_below("badexample.net", "example.net"));
  EXPECT_FALSE(is_below("net", "example.net"));
}

TEST(NamePattern, MatchesExactlyOrBelow) {
  const auto exact = *NamePattern::parse("Web.Example.org.");
  EXPECT_TRUE(exact.matches("web.example.org"));
  EXPECT_FALSE(exact.matches("a.web.example.org"));
  const auto below = *NamePattern::parse("*.example.org");
  EXPECT_TRUE(below.matches("a.b.example.org"));
  EXPECT_FALSE(below.matches("example.org"));
  EXPECT_FALSE(below.matches("badexample.org"));
  EXPECT_TRUE(NamePattern::parse("*")->matches("anything"));
  EXPECT_EQ(below.to_string(), "*.example.org");
  EXPECT_EQ(NamePattern::parse("*")->to_string(), "*");
}

TEST(NamePattern, RefusesStarsElsewhere) {
  for (const char* bad : {"a.*.org", "*a.org", "**", "*.", "", "*.*"})
    EXPECT_FALSE(NamePattern::parse(bad)) << bad;
}

}  // namespace
}  // namespace culvert::resolver
