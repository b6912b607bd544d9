// Expected values were computed with python3-cryptography (HKDF, HKDFExpand over SHA-256).
#include "tunnel/crypto/hkdf.h"

#include <gtest/gtest.h>

namespace culvert::crypto {
namespace {

Secret<32> counting() {
  Secret<32> key;
  for (std::size_t i = 0; i < 32; ++i) key.edit()[i] = static_cast<std::byte>(i);
  return key;
}

TEST(Hkdf, IsRfc5869WithTheChainingKeyAsSalt) {
  const auto [first, second] = hkdf(counting(), as_bytes("input"));
  EXPECT_EQ(to_hex(first.view()),
            "6652e076ecbcbe76627293d67fcc22d29dee719f3c185066ea867eaf1e6f4c47");
  EXPECT_EQ(to_hex(second.view()),
            "5c709f4c8626825d850cc12e878c9ea7a08159016a009bc36b8109676b9c074b");
}

TEST(DeriveKey, IsHkdfExpandOverTheLabel) {
  EXPECT_EQ(to_hex(derive_key(counting(), "epoch").view()),
            "c80d8b4d54d37762b555a14276efb6cc856aa286275c2cca3f41508ab2d3165c");
}

TEST(DeriveKey, GivesUnrelatedKeysForDifferentLabels) {
  EXPECT_FALSE(derive_key(counting(), "a") == derive_key(counting(), "b"));
}

}  // namespace
}  // namespace culvert::crypto
