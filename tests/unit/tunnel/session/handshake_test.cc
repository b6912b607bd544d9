#include "tunnel/session/handshake.h"

#include <gtest/gtest.h>

namespace culvert::session {
namespace {

struct Two {
  SystemRandom random;
  crypto::KeyPair alice = crypto::KeyPair::generate(random),
                  bob = crypto::KeyPair::generate(random);
  InitiatorHandshake initiator{alice, bob.public_key, random};
  ResponderHandshake responder{bob, random};
};

TEST(Handshake, CarriesHelloEarlyFramesAndAnswerOctetByOctet) {
  Two two;
  control::Hello hello;
  hello.timestamp = 7;
  const auto packet = *two.initiator.start(hello, as_bytes("early"));
  std::size_t taken = 0;
  for (std::size_t size = 0; size < packet.size(); ++size) {
    const auto part = two.responder.receive(Bytes{packet}.first(size), taken);
    ASSERT_TRUE(part && !*part) << size;
  }
  const auto greeting = two.responder.receive(packet, taken);
  ASSERT_TRUE(greeting && *greeting);
  EXPECT_EQ(taken, packet.size());
  EXPECT_EQ((*greeting)->caller, two.alice.public_key);
  EXPECT_EQ((*greeting)->hello, hello);
  EXPECT_EQ(as_text((*greeting)->early_frames), "early");

  auto answer = *two.responder.answer({ErrorCode::kNone, "", 2, {}, {}, "", {}, {}, {}});
  append(answer, as_bytes("behind"));
  const auto outcome = two.initiator.receive(answer, taken);
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_EQ(taken, answer.size() - 6);
  EXPECT_EQ((*outcome)->keys.sending, two.responder.keys().receiving);
  EXPECT_EQ((*outcome)->keys.receiving, two.responder.keys().sending);
}

TEST(Handshake, AnotherServiceKeyCannotReadTheHello) {
  Two two;
  SystemRandom random;
  ResponderHandshake impostor{crypto::KeyPair::generate(random), random};
  std::size_t taken = 0;
  EXPECT_FALSE(impostor.receive(*two.initiator.start({}, {}), taken));
}

TEST(Handshake, ATamperedHelloAndATamperedAnswerAreRefused) {
  Two two;
  auto packet = *two.initiator.start({}, {});
  std::size_t taken = 0;
  auto bad = packet;
  bad.back() ^= std::byte{1};
  SystemRandom random;
  EXPECT_FALSE(ResponderHandshake(two.bob, random).receive(bad, taken));
  ASSERT_TRUE(*two.responder.receive(packet, taken));
  auto answer = *two.responder.answer({});
  answer.back() ^= std::byte{1};
  EXPECT_FALSE(two.initiator.receive(answer, taken));
}

TEST(Handshake, AnotherProtocolIsToldFromAShortRead) {
  Two two;
  std::size_t taken = 0;
  EXPECT_FALSE(two.responder.receive(as_bytes("GET / HTTP/1.1\r\n"), taken));
  EXPECT_FALSE(two.responder.receive(from_hex("c7565402 0010"), taken)) << "a later version";
  const auto partial = two.responder.receive(from_hex("c756"), taken);
  EXPECT_TRUE(partial && !*partial);
}

}  // namespace
}  // namespace culvert::session
