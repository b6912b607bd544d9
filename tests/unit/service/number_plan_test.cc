#include "service/number_plan.h"

#include <gtest/gtest.h>

#include "service/config.h"

namespace culvert::service {
namespace {

bool matches(const char* pattern, const char* digits) {
  const auto parsed = NumberPattern::parse(pattern);
  EXPECT_TRUE(parsed) << pattern;
  return parsed && parsed->matches(digits);
}

TEST(NumberPlan, ALabelOfDigitsDirectlyBelowTheDomainIsANumber) {
  EXPECT_EQ(number_of("4930123456.example.net", "example.net"), "4930123456");
  EXPECT_EQ(number_of("112.example.net", "example.net"), "112");
  for (const auto* name : {"12.example.net", "1234567890123456.example.net", "4930a.example.net",
                           "49301234.b.example.net", "49301234.example.org", "49301234",
                           "example.net", "x49301234example.net"})
    EXPECT_EQ(number_of(name, "example.net"), "") << name;
}

TEST(NumberPlan, PatternsMatchWhatTheySay) {
  EXPECT_TRUE(matches("+49*", "4930123456"));
  EXPECT_TRUE(matches("49*", "49"));
  EXPECT_FALSE(matches("+49*", "4"));
  EXPECT_FALSE(matches("+49*", "4430123456"));
  EXPECT_TRUE(matches("+4930xx", "493012"));
  EXPECT_FALSE(matches("+4930xx", "49301"));
  EXPECT_FALSE(matches("+4930xx", "4930123"));
  EXPECT_TRUE(matches("*", "112"));
}

TEST(NumberPlan, WhatLeavesLessOpenGoesFirst) {
  const auto narrower = [](const char* one, const char* other) {
    const auto a = *NumberPattern::parse(one), b = *NumberPattern::parse(other);
    return a.leaves_less_open_than(b) && !b.leaves_less_open_than(a);
  };
  EXPECT_TRUE(narrower("+4930*", "+49*"));
  EXPECT_TRUE(narrower("+493012", "+4930*"));
  EXPECT_TRUE(narrower("+4930xx", "+4930*"));
  EXPECT_TRUE(narrower("+4930x*", "+4930*"));
  EXPECT_TRUE(narrower("+49*", "*"));
}

TEST(NumberPlan, BadPatternsAreNamed) {
  for (const auto* text : {"", "+", "12", "+49-30*", "+49*30", "+4930y", "1234567890123456", "**"})
    EXPECT_FALSE(NumberPattern::parse(text)) << text;
}

std::string error_of(const std::string& more) {
  const auto config = parse_config("domain = \"example.net\"\n" + more, "service.toml");
  return config ? "" : config.error().detail;
}

TEST(HostedNames, AreReadFromTheConfiguration) {
  const auto config = parse_config(R"(
    domain = "example.net"
    [[conference]]
    name = "Room.example.net"
    members = ["*.office.example.net"]
    most_members = 5
    [[gateway]]
    numbers = "+4930*"
    to = "10.20.0.5:5060"
    callers = ["*.office.example.net"]
    [[gateway]]
    numbers = "+1*"
    to = "voice.example.org"
  )",
                                   "service.toml");
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->conferences.at(0).name, "room.example.net");
  EXPECT_EQ(config->conferences.at(0).most_members, 5u);
  EXPECT_TRUE(admits(config->conferences.at(0).members, "a.office.example.net"));
  EXPECT_FALSE(admits(config->conferences.at(0).members, "a.example.net"));
  EXPECT_EQ(config->gateways.at(0).to.to_string(), "10.20.0.5:5060");
  EXPECT_EQ(config->gateways.at(1).to.port, 0);
}

TEST(HostedNames, MistakesAreNamed) {
  EXPECT_NE(error_of("[[conference]]\n").find("needs a name below"), std::string::npos);
  EXPECT_NE(error_of("[[conference]]\nname = \"room.example.org\"").find("not below"),
            std::string::npos);
  EXPECT_NE(error_of("[[conference]]\nname = \"example.net\"").find("not below"),
            std::string::npos);
  const std::string room = "[[conference]]\nname = \"room.example.net\"\n";
  EXPECT_NE(error_of(room + room).find("two conferences"), std::string::npos);
  EXPECT_NE(error_of("[[gateway]]\nnumbers = \"+49*\"\n").find("needs numbers"), std::string::npos);
  EXPECT_NE(error_of("[[gateway]]\nnumbers = \"none\"\nto = \"10.0.0.1\"").find("no pattern"),
            std::string::npos);
  EXPECT_NE(error_of("[[gateway]]\nnumbers = \"+49*\"\nto = \"10.0.0.1\"\n[[conference]]\n"
                     "name = \"4912345.example.net\"")
                .find("telephone number"),
            std::string::npos);
}

}  // namespace
}  // namespace culvert::service
