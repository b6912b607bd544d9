#include "service/refusal_memory.h"

#include <gtest/gtest.h>

namespace culvert::service {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr TimePoint kStart{std::chrono::hours{1}};

crypto::PublicKey key(std::uint16_t number) {
  std::array<std::byte, 32> octets{};
  octets[0] = std::byte(number >> 8);
  octets[1] = std::byte(number & 0xff);
  return crypto::PublicKey{octets};
}

TEST(RefusalMemory, tells_of_the_same_once_in_ten_minutes_and_then_how_often) {
  RefusalMemory memory;
  EXPECT_EQ(memory.tell(key(1), "was revoked", kStart), 0u);
  for (int i = 1; i < 10; ++i)
    EXPECT_EQ(memory.tell(key(1), "was revoked", kStart + minutes{i}), std::nullopt);
  EXPECT_EQ(memory.tell(key(1), "was revoked", kStart + minutes{10}), 9u);
  EXPECT_EQ(memory.tell(key(1), "was revoked", kStart + minutes{20}), 0u);
}

TEST(RefusalMemory, tells_of_another_endpoint_and_another_reason_at_once) {
  RefusalMemory memory;
  EXPECT_TRUE(memory.tell(key(1), "was revoked", kStart));
  EXPECT_TRUE(memory.tell(key(2), "was revoked", kStart));
  EXPECT_TRUE(memory.tell(key(1), "3 days ahead", kStart));
  EXPECT_FALSE(memory.tell(key(1), "4 days ahead", kStart + seconds{1}));
}

TEST(RefusalMemory, forgets_who_was_told_longest_ago_when_there_are_too_many) {
  RefusalMemory memory;
  for (std::uint16_t i = 0; i <= RefusalMemory::kMost; ++i)
    EXPECT_TRUE(memory.tell(key(i), "why", kStart + seconds{i}));
  const auto now = kStart + seconds{RefusalMemory::kMost + 1};
  EXPECT_FALSE(memory.tell(key(1), "why", now));
  EXPECT_EQ(memory.tell(key(0), "why", now), 0u);
}

}  // namespace
}  // namespace culvert::service
