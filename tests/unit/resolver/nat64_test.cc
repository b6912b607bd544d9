#include "resolver/nat64.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace culvert::resolver {
namespace {

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

// The table of RFC 6052 section 2.4, and what a translator with that prefix answers.
TEST(Nat64, finds_the_prefix_of_each_length_and_puts_addresses_behind_it) {
  struct Row {
    const char *answer, *embedded;
    unsigned length;
  };
  for (const auto& row : {Row{"2001:db8:c000:aa::", "2001:db8:c000:221::", 32},
                          Row{"2001:db8:1c0:0:aa::", "2001:db8:1c0:2:21::", 40},
                          Row{"2001:db8:122:c000:0:aa00::", "2001:db8:122:c000:2:2100::", 48},
                          Row{"2001:db8:122:3c0:0:aa::", "2001:db8:122:3c0:0:221::", 56},
                          Row{"2001:db8:122:344:c0:0:aa00::", "2001:db8:122:344:c0:2:2100::", 64},
                          Row{"2001:db8:122:344::192.0.0.170", "2001:db8:122:344::192.0.2.33", 96},
                          Row{"64:ff9b::192.0.0.171", "64:ff9b::192.0.2.33", 96}}) {
    const auto found = find_nat64_prefixes({ip(row.answer)});
    ASSERT_EQ(found.size(), 1u) << row.answer;
    EXPECT_EQ(found[0].length, row.length) << row.answer;
    EXPECT_EQ(found[0].embed(ip("192.0.2.33")), ip(row.embedded)) << row.answer;
  }
}

TEST(Nat64, finds_nothing_where_nobody_translates) {
  EXPECT_TRUE(find_nat64_prefixes({}).empty());
  EXPECT_TRUE(find_nat64_prefixes({ip("192.0.0.170"), ip("192.0.0.171")}).empty());
  EXPECT_TRUE(find_nat64_prefixes({ip("2001:db8::1")}).empty());
}

TEST(Nat64, takes_both_addresses_of_the_name_for_one_prefix) {
  EXPECT_EQ(find_nat64_prefixes({ip("64:ff9b::192.0.0.170"), ip("64:ff9b::192.0.0.171")}).size(),
            1u);
}

}  // namespace
}  // namespace culvert::resolver
