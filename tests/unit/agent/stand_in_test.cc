#include "agent/stand_in.h"

#include <gtest/gtest.h>

namespace culvert::agent {
namespace {

const std::string kToken = "0123456789abcdef0123456789abcdef";
const IpAddress kOwn = IpAddress::v4(0x7f41c8f3);

TEST(StandInCall, carries_the_address_that_the_caller_connected_to) {
  EXPECT_EQ(read_stand_in_call(make_stand_in_call(kToken, kOwn), kToken), kOwn);
}

TEST(StandInCall, is_nobodys_with_another_token) {
  for (std::size_t i = 0; i < kTokenSize; ++i) {
    auto call = make_stand_in_call(kToken, kOwn);
    call[i] = static_cast<char>(call[i] ^ 1);
    EXPECT_EQ(read_stand_in_call(call, kToken), std::nullopt) << i;
  }
  EXPECT_EQ(read_stand_in_call(make_stand_in_call("", kOwn), ""), std::nullopt)
      << "no token at all";
}

}  // namespace
}  // namespace culvert::agent
