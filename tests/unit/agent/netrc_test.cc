#include "agent/netrc.h"

#include <gtest/gtest.h>

namespace culvert::agent {
namespace {

constexpr std::string_view kText =
    "# machine proxy login comment password no\n"
    "machine other login x password y\n"
    "machine proxy\n  login \"CORP\\\\ann\"\n  account z password \"a b\\\"c\"\n"
    "macdef init\nmachine proxy login macro password no\n\n"
    "machine bare login only\n"
    "default login anonymous password guest\n";

TEST(Netrc, GivesTheEntryOfTheHost) {
  const auto found = find_in_netrc(kText, "proxy");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->domain, "CORP");
  EXPECT_EQ(found->user, "ann");
  EXPECT_EQ(found->password, "a b\"c");
  EXPECT_EQ(find_in_netrc(kText, "bare")->password, "");
}

TEST(Netrc, GivesTheDefaultEntryToOthersAndNothingWithoutOne) {
  EXPECT_EQ(find_in_netrc(kText, "elsewhere")->user, "anonymous");
  EXPECT_FALSE(find_in_netrc("machine a login b password c\n", "d"));
  EXPECT_FALSE(find_in_netrc("machine a password c\n", "a"));
  EXPECT_FALSE(find_in_netrc("", "a"));
  EXPECT_FALSE(find_in_netrc("machine a login \"b", "z"));
  EXPECT_FALSE(find_in_netrc("machine", ""));
}

}  // namespace
}  // namespace culvert::agent
