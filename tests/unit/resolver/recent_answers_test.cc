#include "resolver/recent_answers.h"

#include <gtest/gtest.h>

namespace culvert::resolver {
namespace {

using Known = RecentAnswers<int>;
constexpr TimePoint kStart{std::chrono::hours{1}};

TEST(RecentNames, AreKnownForASecond) {
  Known known;
  EXPECT_EQ(known.find("b.example.net", kStart), nullptr);
  known.remember("b.example.net", 1, kStart);
  EXPECT_NE(known.find("b.example.net", kStart + std::chrono::milliseconds{999}), nullptr);
  EXPECT_EQ(known.find("b.example.net", kStart + Known::kKeepFor), nullptr);
}

TEST(RecentNames, AreUnknownOnceForgotten) {
  Known known;
  known.remember("b.example.net", 1, kStart);
  known.remember("c.example.net", 1, kStart);
  known.forget("b.example.net");
  EXPECT_EQ(known.find("b.example.net", kStart), nullptr);
  EXPECT_NE(known.find("c.example.net", kStart), nullptr);
}

TEST(RecentNames, AreBoundedInNumber) {
  Known known;
  for (std::size_t i = 0; i < 10 * Known::kMost; ++i) known.remember(std::to_string(i), 1, kStart);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < 10 * Known::kMost; ++i)
    kept += known.find(std::to_string(i), kStart) != nullptr ? 1 : 0;
  EXPECT_LE(kept, Known::kMost);
  EXPECT_GE(kept, 1u);
}

}  // namespace
}  // namespace culvert::resolver
