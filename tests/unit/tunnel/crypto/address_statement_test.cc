#include "tunnel/crypto/address_statement.h"

#include <gtest/gtest.h>

namespace culvert::crypto {
namespace {

class AddressStatementTest : public testing::TestWithParam<const char*> {
 protected:
  SystemRandom random_;
  SigningKeyPair service_ = SigningKeyPair::generate(random_);
  PublicKey endpoint_ = KeyPair::generate(random_).public_key;
  UnixTime until_ = from_unix_nanoseconds(1'700'000'000'000'000'000);
  AddressStatement statement_{endpoint_, *IpAddress::parse(GetParam()), until_};
};

TEST_P(AddressStatementTest, IsTrueForItsEndpointUntilItsEnd) {
  const auto encoded = statement_.sign(service_);
  EXPECT_LE(encoded.size(), AddressStatement::kMaxSize);
  const auto right = AddressStatement::verify(encoded, service_.public_key(), endpoint_, until_);
  ASSERT_TRUE(right);
  EXPECT_EQ(*right, statement_);
  const auto code = [&](const SignaturePublicKey& signer, const PublicKey& of, UnixTime now) {
    const auto wrong = AddressStatement::verify(encoded, signer, of, now);
    return wrong ? ErrorCode::kNone : wrong.error().code;
  };
  EXPECT_EQ(code(service_.public_key(), endpoint_, until_ + std::chrono::seconds{1}),
            ErrorCode::kAuthentication);
  EXPECT_EQ(code(service_.public_key(), KeyPair::generate(random_).public_key, until_),
            ErrorCode::kAuthentication);
  EXPECT_EQ(code(SigningKeyPair::generate(random_).public_key(), endpoint_, until_),
            ErrorCode::kAuthentication);
}

TEST_P(AddressStatementTest, AlteredOrCutIsNone) {
  const auto encoded = statement_.sign(service_);
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    auto altered = encoded;
    altered[i] ^= std::byte{0x10};
    EXPECT_FALSE(AddressStatement::verify(altered, service_.public_key(), endpoint_, until_)) << i;
    EXPECT_FALSE(
        AddressStatement::verify(Bytes{encoded}.first(i), service_.public_key(), endpoint_, until_))
        << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, AddressStatementTest,
                         testing::Values("192.0.2.1", "2001:db8::1"));

}  // namespace
}  // namespace culvert::crypto
