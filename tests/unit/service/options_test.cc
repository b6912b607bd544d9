#include "service/options.h"

#include <gtest/gtest.h>

namespace culvert::service {
namespace {

Result<Options> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "culvert-service");
  return parse_options(static_cast<int>(words.size()), words.data());
}

TEST(Options, ServesWhenNoCommandIsGiven) {
  const auto options = parse({"--config", "x.toml"});
  ASSERT_TRUE(options) << options.error().detail;
  EXPECT_EQ(options->command, Options::Command::kServe);
  EXPECT_EQ(options->config, "x.toml");
}

TEST(Options, ReadsAnInvitation) {
  const auto options =
      parse({"--config", "x", "invite", "web", "--expires", "7d", "--address", "h:9"});
  ASSERT_TRUE(options) << options.error().detail;
  EXPECT_EQ(options->command, Options::Command::kInvite);
  EXPECT_EQ(options->name, "web");
  EXPECT_EQ(options->expires, std::chrono::hours{168});
  EXPECT_EQ(options->address->to_string(), "h:9");
}

TEST(Options, RefusesWhatDoesNotFit) {
  for (const auto& words :
       std::vector<std::vector<const char*>>{{"invite"},
                                             {"invite", "a", "b"},
                                             {"endpoints", "a"},
                                             {"--expires", "1h"},
                                             {"--address", "h:1", "endpoints"},
                                             {"--check", "endpoints"},
                                             {"--keep-for-restart", "endpoints"},
                                             {"--nonsense"},
                                             {"invite", "a", "--expires", "soon"},
                                             {"invite", "a", "--address", "h:0"}})
    EXPECT_FALSE(parse(words)) << words[0];
}

TEST(Options, GuessesAMisspeltCommand) {
  EXPECT_NE(parse({"invitee", "x"}).error().detail.find("did you mean \"invite\"?"),
            std::string::npos);
}

TEST(Options, ReadsTimeSpans) {
  EXPECT_EQ(*parse_duration("90s"), std::chrono::seconds{90});
  EXPECT_EQ(*parse_duration("30m"), std::chrono::minutes{30});
  for (const auto* wrong : {"", "h", "1", "0h", "-1h", "1.5h", "24hh", "366d", "99999999999h"})
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
}

}  // namespace
}  // namespace culvert::service
