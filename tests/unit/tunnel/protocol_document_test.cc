// The examples of tunnel/PROTOCOL.md are decoded, encoded again and compared.
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "tunnel/control/invitation.h"
#include "tunnel/control/messages.h"
#include "tunnel/control/target.h"
#include "tunnel/exchange/message.h"
#include "tunnel/mux/frame.h"
#include "tunnel/session/handshake.h"
#include "tunnel/session/record.h"

namespace culvert {
namespace {

// "hex NAME" and "text NAME" blocks by name.
std::map<std::string, std::string> examples() {
  std::ifstream in(CULVERT_PROTOCOL_DOCUMENT);
  std::map<std::string, std::string> blocks;
  std::string line, name;
  while (std::getline(in, line)) {
    if (line.rfind("```", 0) == 0) {
      const auto space = line.find(' ');
      name = space == std::string::npos ? "" : line.substr(space + 1);
    } else if (!name.empty()) {
      blocks[name] += line + "\n";
    }
  }
  return blocks;
}

ByteVector example(const std::string& name) {
  auto bytes = from_hex(examples()[name]);
  EXPECT_FALSE(bytes.empty()) << "no example named " << name;
  return bytes;
}

class FixedRandom final : public Random {
 public:
  explicit FixedRandom(std::uint8_t value) : value_(value) {}
  void fill(MutableBytes out) override {
    for (auto& b : out) b = std::byte{value_};
  }

 private:
  std::uint8_t value_;
};

crypto::KeyPair key_pair(std::uint8_t octet) {
  const ByteVector secret(32, std::byte{octet});
  return crypto::KeyPair::from_secret(Secret<32>{std::span<const std::byte, 32>{secret}});
}

TEST(ProtocolDocument, EveryFrameExampleIsWhatTheCodeWrites) {
  for (const auto* name : {"open", "data", "window", "reset", "ping", "pong", "datagram"}) {
    const auto wire = example(name);
    Bytes in{wire};
    const auto frame = mux::take_frame(in);
    ASSERT_TRUE(frame && *frame) << name;
    EXPECT_TRUE(in.empty()) << name;
    ByteVector again;
    mux::append_frame(again, **frame);
    EXPECT_EQ(to_hex(again), to_hex(wire)) << name;
  }
}

TEST(ProtocolDocument, EveryMessageExampleIsWhatTheCodeWrites) {
  for (const auto* name :
       {"publish", "lookup", "found", "incoming", "goodbye", "expect", "publish-udp", "try-inbound",
        "inbound-tried", "offer", "discovery-servers", "prove-address", "address-stated",
        "certificate", "path-offer", "path-seen", "path-relay"}) {
    const auto wire = example(name);
    std::size_t taken = 0;
    const auto message = control::take_message(wire, taken);
    ASSERT_TRUE(message && *message) << name;
    EXPECT_EQ(taken, wire.size()) << name;
    EXPECT_EQ(to_hex(control::encode(**message)), to_hex(wire)) << name;
  }
}

TEST(ProtocolDocument, TargetsHelloAnswerAndInvitationAreWhatTheCodeWrites) {
  for (const auto* name : {"target-endpoint", "target-endpoint-udp", "target-endpoint-from",
                           "target-beside", "target-forward", "target-hosted"})
    EXPECT_EQ(control::encode(*control::decode_target(example(name))), example(name)) << name;
  for (const auto* name : {"hello", "hello-resume"})
    EXPECT_EQ(control::encode(*control::decode_hello(example(name))), example(name)) << name;
  for (const auto* name : {"answer", "answer-seen"})
    EXPECT_EQ(control::encode(*control::decode_hello_answer(example(name))), example(name)) << name;
  EXPECT_EQ(exchange::encode(*exchange::decode_piece(example("exchange-stand"))),
            example("exchange-stand"));
  const auto invitation = control::decode_invitation(examples()["invitation"]);
  ASSERT_TRUE(invitation);
  EXPECT_EQ(control::encode(*invitation) + "\n", examples()["invitation"]);
}

TEST(ProtocolDocument, TheHandshakeAndTheFirstRecordAreWhatTheCodeWrites) {
  const auto alice = key_pair(1), bob = key_pair(2);
  FixedRandom three(3), four(4);
  session::InitiatorHandshake initiator(alice, bob.public_key, three);
  session::ResponderHandshake responder(bob, four);
  const auto packet1 = initiator.start(*control::decode_hello(example("hello")), example("ping"));
  EXPECT_EQ(to_hex(*packet1), to_hex(example("packet1")));
  std::size_t taken = 0;
  ASSERT_TRUE(*responder.receive(*packet1, taken));
  const auto packet2 = responder.answer(*control::decode_hello_answer(example("answer")));
  EXPECT_EQ(to_hex(*packet2), to_hex(example("packet2")));
  const auto outcome = initiator.receive(*packet2, taken);
  ASSERT_TRUE(outcome && *outcome);

  const auto aead = crypto::AeadAlgorithm::kChaCha20Poly1305;
  session::RecordSealer sealer{session::RecordKeys{(*outcome)->keys.sending, aead}};
  ByteVector record(session::kRecordHeader);
  append(record, example("ping"));
  record.resize(record.size() + crypto::kAeadTagSize);
  sealer.seal(record);
  EXPECT_EQ(to_hex(record), to_hex(example("record")));
}

}  // namespace
}  // namespace culvert
