#include "service/address_prover.h"

#include <gtest/gtest.h>

namespace culvert::service {
namespace {

constexpr TimePoint kNow{std::chrono::seconds{1000}};
const UnixTime kClock = from_unix_nanoseconds(1'700'000'000'000'000'000);

class AddressProverTest : public testing::Test {
 protected:
  control::ProveAddress proof_of(const char* address) const {
    const auto ip = *IpAddress::parse(address);
    return {prover_.proofs().make(ip, kNow), ip};
  }
  SystemRandom random_;
  crypto::SigningKeyPair signing_ = crypto::SigningKeyPair::generate(random_);
  AddressProver prover_{random_, signing_};
  crypto::PublicKey endpoint_ = crypto::KeyPair::generate(random_).public_key;
};

TEST_F(AddressProverTest, StatesWhatAProofShowsToTheEndpointThatShowedIt) {
  const auto shown = proof_of("2001:db8::7");
  const auto statement = prover_.state(shown, endpoint_, kNow, kClock);
  ASSERT_TRUE(statement);
  EXPECT_EQ(prover_.stated({*statement}, endpoint_, kClock), std::vector{shown.address});
  EXPECT_TRUE(
      prover_.stated({*statement}, crypto::KeyPair::generate(random_).public_key, kClock).empty());
  EXPECT_TRUE(prover_.stated({*statement}, endpoint_, kClock + std::chrono::hours{3}).empty());
  EXPECT_TRUE(prover_.stated({ByteVector(10)}, endpoint_, kClock).empty());
}

TEST_F(AddressProverTest, StatesNothingThatNoProofShows) {
  auto shown = proof_of("2001:db8::7");
  shown.address = *IpAddress::parse("2001:db8::8");
  EXPECT_FALSE(prover_.state(shown, endpoint_, kNow, kClock));
  EXPECT_FALSE(prover_.state({{}, shown.address}, endpoint_, kNow, kClock));
  EXPECT_FALSE(
      prover_.state(proof_of("2001:db8::7"), endpoint_, kNow + std::chrono::seconds{60}, kClock));
}

TEST_F(AddressProverTest, StatesNoAddressThatOthersMustNotSendTo) {
  for (const char* address : {"127.0.0.1", "::1", "::", "0.0.0.0", "fe80::1", "ff02::1",
                              "169.254.169.254", "224.0.0.1", "255.255.255.255", "::ffff:192.0.2.1",
                              "::ffff:127.0.0.1", "2002:c000:201::1", "64:ff9b::c000:201"})
    EXPECT_FALSE(prover_.state(proof_of(address), endpoint_, kNow, kClock)) << address;
}

}  // namespace
}  // namespace culvert::service
