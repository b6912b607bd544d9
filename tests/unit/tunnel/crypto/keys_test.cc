#include "tunnel/crypto/keys.h"

#include <gtest/gtest.h>

namespace culvert::crypto {
namespace {

Secret<32> secret_from(std::string_view hex) {
  const auto raw = from_hex(hex);
  return Secret<32>{Bytes{raw}.first<32>()};
}

// RFC 7748 section 6.1.
constexpr auto kAliceSecret = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
constexpr auto kAlice = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
constexpr auto kBobSecret = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
constexpr auto kBob = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
constexpr auto kShared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

TEST(KeyPair, AgreesWithTheExampleOfRfc7748) {
  const auto alice = KeyPair::from_secret(secret_from(kAliceSecret));
  const auto bob = KeyPair::from_secret(secret_from(kBobSecret));
  EXPECT_EQ(alice.public_key.hex(), kAlice);
  EXPECT_EQ(bob.public_key.hex(), kBob);
  const auto at_alice = diffie_hellman(alice, bob.public_key);
  const auto at_bob = diffie_hellman(bob, alice.public_key);
  ASSERT_TRUE(at_alice && at_bob);
  EXPECT_EQ(to_hex(at_alice->view()), kShared);
  EXPECT_TRUE(*at_alice == *at_bob);
}

TEST(KeyPair, RefusesPeersOfSmallOrder) {
  SystemRandom random;
  const auto own = KeyPair::generate(random);
  for (const auto* point : {
           "0000000000000000000000000000000000000000000000000000000000000000",
           "0100000000000000000000000000000000000000000000000000000000000000",
           "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
       }) {
    const auto shared = diffie_hellman(own, *PublicKey::parse(point));
    ASSERT_FALSE(shared) << point;
    EXPECT_EQ(shared.error().code, ErrorCode::kAuthentication);
  }
}

TEST(KeyPair, IsDifferentEachTimeItIsGenerated) {
  SystemRandom random;
  EXPECT_NE(KeyPair::generate(random).public_key, KeyPair::generate(random).public_key);
}

TEST(PublicKey, ReadsBothOfItsTextForms) {
  const auto key = PublicKey::parse(kAlice);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->to_string().size(), 43u);
  EXPECT_EQ(*PublicKey::parse(key->to_string()), *key);
  for (const auto* wrong :
       {"", "85", "x520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!"})
    EXPECT_FALSE(PublicKey::parse(wrong)) << wrong;
}

TEST(SigningKeyPair, AgreesWithTheFirstExampleOfRfc8032) {
  const auto pair = SigningKeyPair::from_seed(
      secret_from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  EXPECT_EQ(pair.public_key().hex(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_EQ(
      to_hex(pair.sign({})),
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e397"
      "01cf9b46bd25bf5f0595bbe24655141438e7a100b");
  EXPECT_TRUE(SigningKeyPair::from_seed(pair.seed()).public_key() == pair.public_key());
}

TEST(SigningKeyPair, IsNotFooledByAnAlteredMessageSignatureOrSigner) {
  SystemRandom random;
  const auto pair = SigningKeyPair::generate(random);
  auto signature = pair.sign(as_bytes("message"));
  EXPECT_TRUE(is_signed_by(pair.public_key(), as_bytes("message"), signature));
  EXPECT_FALSE(is_signed_by(pair.public_key(), as_bytes("massage"), signature));
  EXPECT_FALSE(
      is_signed_by(SigningKeyPair::generate(random).public_key(), as_bytes("message"), signature));
  signature[63] ^= std::byte{1};
  EXPECT_FALSE(is_signed_by(pair.public_key(), as_bytes("message"), signature));
}

}  // namespace
}  // namespace culvert::crypto
