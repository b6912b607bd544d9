#include "tunnel/crypto/name_certificate.h"

#include <gtest/gtest.h>

namespace culvert::crypto {
namespace {

using std::chrono::days;

class NameCertificateTest : public testing::Test {
 protected:
  NameCertificate certificate() {
    return {"denpc.home.jsmith.97211.example.net", KeyPair::generate(random_).public_key, begin_,
            begin_ + days(365), 42};
  }
  std::string refusal(Bytes encoded, UnixTime now) {
    const auto verified = NameCertificate::verify(encoded, service_.public_key(), now);
    return verified ? "accepted" : verified.error().detail;
  }

  SystemRandom random_;
  SigningKeyPair service_ = SigningKeyPair::generate(random_);
  UnixTime begin_ = from_unix_nanoseconds(1'760'000'000'000'000'000);  // 2025-10-09 08:53:20
};

TEST_F(NameCertificateTest, ComesBackAsItWasSigned) {
  const auto original = certificate();
  const auto encoded = original.sign(service_);
  ASSERT_TRUE(encoded);
  const auto verified = NameCertificate::verify(*encoded, service_.public_key(), begin_ + days(1));
  ASSERT_TRUE(verified) << verified.error().detail;
  EXPECT_EQ(*verified, original);
}

TEST_F(NameCertificateTest, HasTheEncodingOfTheProtocolPage) {
  const auto service = SigningKeyPair::from_seed(Secret<32>{});
  NameCertificate fixed{"a.b", {}, from_unix_nanoseconds(1), from_unix_nanoseconds(2), 3};
  const auto encoded = fixed.sign(service);
  ASSERT_TRUE(encoded);
  EXPECT_EQ(to_hex(Bytes{*encoded}.first(62)),
            "01"
            "0003"
            "612e62" +
                std::string(64, '0') +
                "0000000000000001"
                "0000000000000002"
                "0000000000000003");
  EXPECT_EQ(encoded->size(), 62u + 64u);
  Signature signature;
  std::copy_n(encoded->begin() + 62, 64, signature.begin());
  ByteVector signed_part;
  append(signed_part, as_bytes(NameCertificate::kSigningDomain));
  append(signed_part, Bytes{*encoded}.first(62));
  EXPECT_TRUE(is_signed_by(service.public_key(), signed_part, signature));
  EXPECT_FALSE(is_signed_by(service.public_key(), Bytes{*encoded}.first(62), signature));
}

TEST_F(NameCertificateTest, IsValidFromItsFirstToItsLastInstant) {
  const auto encoded = *certificate().sign(service_);
  EXPECT_EQ(refusal(encoded, begin_), "accepted");
  EXPECT_EQ(refusal(encoded, begin_ + days(365)), "accepted");
  EXPECT_EQ(refusal(encoded, begin_ - Duration(1)),
            "name certificate for 'denpc.home.jsmith.97211.example.net' is not yet valid (begins "
            "2025-10-09 08:53:20 UTC, it is 2025-10-09 08:53:19 UTC here): check the clock");
  EXPECT_EQ(refusal(encoded, begin_ + days(365) + Duration(1)),
            "name certificate for 'denpc.home.jsmith.97211.example.net' expired on 2026-10-09 "
            "08:53:20 UTC: its endpoint must enroll again");
}

TEST_F(NameCertificateTest, IsRefusedWhenSignedByAnotherService) {
  const auto encoded = *certificate().sign(SigningKeyPair::generate(random_));
  EXPECT_EQ(refusal(encoded, begin_),
            "name certificate for 'denpc.home.jsmith.97211.example.net' has a wrong signature: it "
            "is from another service, or forged");
}

TEST_F(NameCertificateTest, IsRefusedWhenAnyByteIsAlteredCutOrAdded) {
  const auto encoded = *certificate().sign(service_);
  for (std::size_t at = 0; at < encoded.size(); ++at) {
    auto altered = encoded;
    altered[at] ^= std::byte{1};
    EXPECT_NE(refusal(altered, begin_), "accepted") << at;
    EXPECT_NE(refusal(Bytes{encoded}.first(at), begin_), "accepted") << at;
  }
  auto longer = encoded;
  longer.push_back(std::byte{0});
  EXPECT_EQ(refusal(longer, begin_),
            "name certificate is malformed: enroll this endpoint again, or update Culvert");
}

TEST_F(NameCertificateTest, IsSignedOnlyForGoodNames) {
  auto wanted = certificate();
  const std::string label(63, 'a');
  const auto longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  for (const auto& good : {std::string("a.b"), std::string("x-1.2.example.net"), longest}) {
    wanted.name = good;
    EXPECT_TRUE(wanted.sign(service_)) << good;
  }
  for (const auto& bad :
       {std::string(), std::string("single"), std::string("A.b"), std::string("a..b"),
        std::string("a.b."), std::string(".a.b"), std::string("-a.b"), std::string("a-.b"),
        std::string("a_b.c"), std::string("a b.c"), label + "a.b", longest + "b",
        std::string("a.b\0", 4), std::string("\xc3\xa4.b")}) {
    wanted.name = bad;
    const auto encoded = wanted.sign(service_);
    ASSERT_FALSE(encoded) << bad;
    EXPECT_EQ(encoded.error().code, ErrorCode::kBadInput);
  }
}

TEST_F(NameCertificateTest, IsNotSignedForTimeRunningBackwards) {
  auto wanted = certificate();
  wanted.not_after = wanted.not_before - Duration(1);
  EXPECT_FALSE(wanted.sign(service_));
}

}  // namespace
}  // namespace culvert::crypto
