#include "tunnel/punch/preamble.h"

#include <gtest/gtest.h>

namespace culvert::punch {
namespace {

using Kind = FirstOctets::Kind;

TEST(Preamble, IsRecognisedHoweverItIsCut) {
  PreambleSecret secret;
  for (std::size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<std::byte>(i);
  for (const auto& [wire, kind] : {std::pair{reversed_preamble(secret), Kind::kReversed},
                                   std::pair{trial_preamble(secret), Kind::kTrial}}) {
    ASSERT_EQ(wire.size(), kPreambleSize);
    for (std::size_t size = 0; size < wire.size(); ++size)
      EXPECT_EQ(recognise(Bytes{wire}.first(size)).kind, Kind::kUndecided) << size;
    const auto whole = recognise(wire);
    EXPECT_EQ(whole.kind, kind);
    EXPECT_EQ(whole.secret, secret);
  }
}

TEST(Preamble, AHelloIsOneAndAnythingElseIsNothing) {
  EXPECT_EQ(recognise(from_hex("c7565401")).kind, Kind::kSession);
  EXPECT_EQ(recognise(from_hex("c75654")).kind, Kind::kUndecided);
  for (const auto* other : {"c7565402", "16030100", "47455420", "00", "c757", "c7565501"})
    EXPECT_EQ(recognise(from_hex(other)).kind, Kind::kUnknown) << other;
}

}  // namespace
}  // namespace culvert::punch
