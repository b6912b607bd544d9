#include "service/first_bytes.h"

#include <gtest/gtest.h>

namespace culvert::service {
namespace {

Spoken spoken(std::string_view text) { return recognise(as_bytes(text)); }

TEST(FirstBytes, TellProtocolsApart) {
  EXPECT_EQ(spoken("\xc7VT\x01\x10"), Spoken::kCulvert);
  EXPECT_EQ(spoken("\xc7VT"), Spoken::kCulvert);
  EXPECT_EQ(spoken("\x16\x03\x01"), Spoken::kTls);
  EXPECT_EQ(spoken("G"), Spoken::kHttp);
  EXPECT_EQ(spoken("PROPFIND /"), Spoken::kHttp);
}

TEST(FirstBytes, DecideNothingTooEarly) {
  for (const auto* start : {"", "\xc7", "\xc7V", "\x16"})
    EXPECT_EQ(spoken(start), Spoken::kUndecided);
}

TEST(FirstBytes, KnowWhenNothingFits) {
  for (const auto* other : {"\x05\x01", "\x04\x01", "\x16\x02", "\xc7X", "ssh", "\x80", " GET"})
    EXPECT_EQ(spoken(other), Spoken::kUnknown) << other;
}

}  // namespace
}  // namespace culvert::service
