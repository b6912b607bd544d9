#include "tunnel/stun/address_proof.h"

#include <gtest/gtest.h>

#include "tunnel/stun/responder.h"
#include "tunnel/stun/survey.h"

namespace culvert::stun {
namespace {

using std::chrono::seconds;

const IpAddress kHere = *IpAddress::parse("2001:db8::7");
constexpr TimePoint kStart{seconds{1000}};

TEST(AddressProof, HoldsForItsAddressAndAWhileAtItsServer) {
  SystemRandom random;
  const AddressProofs proofs(random), others(random);
  auto proof = proofs.make(kHere, kStart);
  EXPECT_TRUE(proofs.holds(proof, kHere, kStart));
  EXPECT_TRUE(proofs.holds(proof, kHere, kStart + Duration{AddressProofs::kValid}));
  EXPECT_FALSE(proofs.holds(proof, kHere, kStart + Duration{AddressProofs::kValid} + seconds{1}));
  EXPECT_FALSE(proofs.holds(proof, kHere, kStart - seconds{1})) << "of the future";
  EXPECT_FALSE(proofs.holds(proof, *IpAddress::parse("2001:db8::8"), kStart));
  EXPECT_FALSE(others.holds(proof, kHere, kStart));
  const auto four = IpAddress::v4(0x20010db8);  // the same first octets
  EXPECT_FALSE(proofs.holds(proofs.make(four, kStart), *IpAddress::parse("2001:db8::"), kStart));
  for (auto& octet : proof) {
    octet ^= std::byte{1};
    EXPECT_FALSE(proofs.holds(proof, kHere, kStart));
    octet ^= std::byte{1};
  }
}

// What is asked by IPv6 is answered in no more octets, with the proof in it, and without it to
// those who did not ask.
TEST(AddressProof, ComesWithAnAnswerThatIsNotLongerThanTheRequest) {
  SystemRandom random;
  const AddressProofs proofs(random);
  const Servers servers{{*IpAddress::parse("2001:db8::1"), *IpAddress::parse("2001:db8::2")},
                        {3478, 3479}};
  Responder responder(servers, &proofs), without(servers);
  const SocketAddress from{kHere, 4000};
  Survey survey({{0, servers.at({}), true}, {0, servers.at({1, 0})}}, random);
  for (int i = 0; i < 2; ++i) {
    const auto asked = survey.next(kStart);
    ASSERT_TRUE(asked);
    const auto answer = responder.answer_datagram(asked->message, from, {}, kStart);
    ASSERT_TRUE(answer);
    EXPECT_LE(answer->message.size(), asked->message.size());
    EXPECT_FALSE(
        decode_response(without.answer_datagram(asked->message, from, {}, kStart)->message)->proof);
    EXPECT_TRUE(survey.receive(answer->message, survey.questions()[asked->question].server));
  }
  ASSERT_TRUE(survey.done());
  EXPECT_EQ(survey.mapped()[0], from);
  ASSERT_TRUE(survey.proofs()[0]);
  EXPECT_TRUE(proofs.holds(*survey.proofs()[0], kHere, kStart));
  EXPECT_FALSE(survey.proofs()[1]);
}

}  // namespace
}  // namespace culvert::stun
