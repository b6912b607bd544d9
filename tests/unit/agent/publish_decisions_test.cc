#include "agent/publish_decisions.h"

#include <gtest/gtest.h>

namespace culvert::agent {
namespace {

TEST(PublishDecisions, are_remembered_for_user_program_and_port) {
  PublishDecisions decisions;
  decisions.remember({1000, 8080, "/usr/bin/a program"}, true);
  decisions.remember({1000, 8081, "/usr/bin/a program"}, false);
  EXPECT_EQ(decisions.find({1000, 8080, "/usr/bin/a program"}), true);
  EXPECT_EQ(decisions.find({1000, 8081, "/usr/bin/a program"}), false);
  EXPECT_EQ(decisions.find({1001, 8080, "/usr/bin/a program"}), std::nullopt);
  EXPECT_EQ(decisions.find({1000, 8080, "/usr/bin/another"}), std::nullopt);
  PublishDecisions loaded;
  ASSERT_TRUE(loaded.load(decisions.snapshot()));
  EXPECT_EQ(loaded.snapshot(), decisions.snapshot());
  EXPECT_EQ(loaded.find({1000, 8080, "/usr/bin/a program"}), true);
}

TEST(PublishDecisions, name_the_line_that_cannot_be_read_and_stay_as_they_were) {
  PublishDecisions decisions;
  decisions.remember({1, 2, "/a"}, true);
  for (const char* bad :
       {"maybe 1 2 /a", "yes 1 2", "yes 1 65536 /a", "yes -1 2 /a", "yes 1 0 /a"}) {
    const auto loaded = decisions.load(std::string("# comment\n\n") + bad);
    ASSERT_FALSE(loaded) << bad;
    EXPECT_EQ(loaded.error().detail.find("line 3 "), 0u) << loaded.error().detail;
  }
  EXPECT_EQ(decisions.find({1, 2, "/a"}), true);
}

TEST(PublishDecisions, do_not_keep_what_would_break_their_lines_nor_more_than_they_may) {
  PublishDecisions decisions;
  decisions.remember({1, 2, "/a\nyes 0 22 /b"}, true);
  EXPECT_EQ(decisions.find({1, 2, "/a\nyes 0 22 /b"}), std::nullopt);
  for (std::uint32_t uid = 0; uid < PublishDecisions::kMost + 10; ++uid)
    decisions.remember({uid, 2, "/a"}, true);
  EXPECT_EQ(decisions.find({PublishDecisions::kMost + 1, 2, "/a"}), std::nullopt);
}

}  // namespace
}  // namespace culvert::agent
