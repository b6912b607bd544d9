#include "tunnel/crypto/noise.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace culvert::crypto {
namespace {

class FixedRandom final : public Random {
 public:
  explicit FixedRandom(std::string_view hex) : bytes_(from_hex(hex)) {}
  void fill(MutableBytes out) override { std::ranges::copy(bytes_, out.begin()); }

 private:
  ByteVector bytes_;
};

KeyPair key_pair(std::string_view hex) {
  const auto raw = from_hex(hex);
  return KeyPair::from_secret(Secret<32>{Bytes{raw}.first<32>()});
}

// The published vector for Noise_IK_25519_ChaChaPoly_SHA256 of the cacophony project
// (vectors/cacophony.txt; the same data is tests/vectors/cacophony.txt of the snow project). Early
// revisions of that file have no handshake_hash, or another one: the value here is the one that
// python3-cryptography computes from the same inputs.
constexpr auto kInitiatorStatic =
    "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
constexpr auto kInitiatorEphemeral =
    "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
constexpr auto kResponderStatic =
    "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
constexpr auto kResponderPublic =
    "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62";
constexpr auto kResponderEphemeral =
    "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";
constexpr auto kPrologue = "4a6f686e2047616c74";
constexpr auto kHandshakeHash = "0b0f68fb0c27e03ce9b97565995ed4838cc0581b762ef72b062f6a546419fad7";

struct Message {
  std::string_view payload;
  std::string_view wire;
};
constexpr Message kFirst = {
    "4c756477696720766f6e204d69736573",
    "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944718da798efbcd91528520204f904b9"
    "bd6c7413dccdc214d951e15253e39987f18146e8cd0873654207148333479d4d16c289f0294b29960a72f48e0b7bba"
    "2e89083169825e59642148d492020664ccf7"};
constexpr Message kSecond = {
    "4d757272617920526f746862617264",
    "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088435361e70b2ed446e6c9ec387d1d6b3b"
    "840f194e373979d241b203c4acafccf5"};
// Alternately by the initiator and the responder, each direction counting from zero.
constexpr Message kTransport[] = {
    {"462e20412e20486179656b", "050e9f3c8fac16b68dbce8f8c4bfbf6617c897f9ada4aa29aa19c8"},
    {"4361726c204d656e676572", "344233a6cabb7141d80f3da2fedc311d9646bbb0f505afe403a667"},
    {"4a65616e2d426170746973746520536179",
     "62cdeeb172ad7ade7aa7d9e069da5790f12331bfa00177787a1d0810c67dc3b2b4"},
    {"457567656e2042f6686d20766f6e2042617765726b",
     "029bead1b40992327044d409d9a1f3ad8f36c3c452775d557e18bbeb2e8dfcead32d514024"},
};

struct Parties {
  FixedRandom initiator_random{kInitiatorEphemeral};
  FixedRandom responder_random{kResponderEphemeral};
  KeyPair initiator_keys = key_pair(kInitiatorStatic);
  KeyPair responder_keys = key_pair(kResponderStatic);
  ByteVector prologue = from_hex(kPrologue);
  NoiseHandshake initiator = NoiseHandshake::initiator(prologue, initiator_keys,
                                                       responder_keys.public_key, initiator_random);
  NoiseHandshake responder = NoiseHandshake::responder(prologue, responder_keys, responder_random);

  ByteVector first(Bytes payload = {}) {
    ByteVector wire;
    EXPECT_TRUE(initiator.write_message(payload, wire));
    return wire;
  }
};

TEST(NoiseHandshake, GivesTheMessagesOfThePublishedVector) {
  Parties parties;
  ASSERT_EQ(parties.responder_keys.public_key.hex(), kResponderPublic);
  ByteVector wire, payload;
  ASSERT_TRUE(parties.initiator.write_message(from_hex(kFirst.payload), wire));
  EXPECT_EQ(to_hex(wire), kFirst.wire);
  ASSERT_TRUE(parties.responder.read_message(wire, payload));
  EXPECT_EQ(to_hex(payload), kFirst.payload);
  EXPECT_EQ(parties.responder.remote_static(), parties.initiator_keys.public_key);
  EXPECT_FALSE(parties.initiator.finished() || parties.responder.finished());

  wire.clear();
  payload.clear();
  ASSERT_TRUE(parties.responder.write_message(from_hex(kSecond.payload), wire));
  EXPECT_EQ(to_hex(wire), kSecond.wire);
  ASSERT_TRUE(parties.initiator.read_message(wire, payload));
  EXPECT_EQ(to_hex(payload), kSecond.payload);
  ASSERT_TRUE(parties.initiator.finished() && parties.responder.finished());

  const auto keys = parties.initiator.split();
  const auto same_keys = parties.responder.split();
  EXPECT_EQ(to_hex(keys.handshake_hash), kHandshakeHash);
  EXPECT_EQ(same_keys.handshake_hash, keys.handshake_hash);
  EXPECT_TRUE(same_keys.initiator_to_responder == keys.initiator_to_responder);
  EXPECT_TRUE(same_keys.responder_to_initiator == keys.responder_to_initiator);

  const AeadKey directions[] = {
      AeadKey::make(AeadAlgorithm::kChaCha20Poly1305, keys.initiator_to_responder.view()),
      AeadKey::make(AeadAlgorithm::kChaCha20Poly1305, keys.responder_to_initiator.view())};
  for (std::size_t i = 0; i < std::size(kTransport); ++i) {
    auto text = from_hex(kTransport[i].payload);
    std::array<std::byte, kAeadTagSize> tag;
    directions[i % 2].seal(i / 2, {}, text, tag);
    EXPECT_EQ(to_hex(text) + to_hex(tag), kTransport[i].wire);
  }
}

TEST(NoiseHandshake, NoticesEveryAlteredByteOfTheFirstMessage) {
  Parties parties;
  const auto wire = parties.first(as_bytes("hello"));
  for (std::size_t at = 0; at < wire.size(); ++at) {
    Parties other;
    auto altered = wire;
    altered[at] ^= std::byte{1};
    ByteVector payload;
    EXPECT_FALSE(other.responder.read_message(altered, payload)) << at;
    EXPECT_TRUE(payload.empty()) << at;
  }
}

TEST(NoiseHandshake, NoticesEveryAlteredByteOfTheSecondMessage) {
  for (std::size_t at = 0; at < NoiseHandshake::kOverhead2 + 5; ++at) {
    Parties parties;
    ByteVector wire, payload;
    ASSERT_TRUE(parties.responder.read_message(parties.first(), payload));
    ASSERT_TRUE(parties.responder.write_message(as_bytes("hello"), wire));
    wire[at] ^= std::byte{1};
    EXPECT_FALSE(parties.initiator.read_message(wire, payload)) << at;
    EXPECT_TRUE(payload.empty()) << at;
  }
}

TEST(NoiseHandshake, NoticesEveryTruncationAndWrongPrologue) {
  Parties parties;
  const auto wire = parties.first(as_bytes("hello"));
  ByteVector payload;
  for (std::size_t size = 0; size < wire.size(); ++size) {
    Parties other;
    EXPECT_FALSE(other.responder.read_message(Bytes{wire}.first(size), payload)) << size;
  }
  auto stranger = NoiseHandshake::responder(as_bytes("other prologue"), parties.responder_keys,
                                            parties.responder_random);
  EXPECT_FALSE(stranger.read_message(wire, payload));
}

TEST(NoiseHandshake, FailsWithAnotherResponderThanTheOneMeant) {
  Parties parties;
  SystemRandom random;
  auto other = NoiseHandshake::responder(parties.prologue, KeyPair::generate(random), random);
  ByteVector payload;
  const auto read = other.read_message(parties.first(), payload);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kAuthentication);
}

TEST(NoiseHandshake, RefusesEphemeralKeysOfSmallOrder) {
  Parties parties;
  auto wire = parties.first();
  std::fill_n(wire.begin(), 32, std::byte{0});
  ByteVector payload;
  const auto read = parties.responder.read_message(wire, payload);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().detail.find("degenerate"), std::string::npos);
}

TEST(NoiseHandshake, RefusesMessagesThatAreTooLong) {
  Parties parties;
  const ByteVector wire(NoiseHandshake::kMaxMessage + 1);
  ByteVector payload;
  const auto read = parties.responder.read_message(wire, payload);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kProtocol);
}

TEST(NoiseHandshake, CarriesTheLongestPayload) {
  Parties parties;
  const ByteVector longest(NoiseHandshake::kMaxMessage - NoiseHandshake::kOverhead1, std::byte{7});
  const auto wire = parties.first(longest);
  EXPECT_EQ(wire.size(), NoiseHandshake::kMaxMessage);
  ByteVector payload;
  ASSERT_TRUE(parties.responder.read_message(wire, payload));
  EXPECT_EQ(payload, longest);
}

TEST(NoiseHandshake, StaysFailedAfterAFailure) {
  Parties parties;
  const auto wire = parties.first();
  ByteVector payload, out;
  EXPECT_FALSE(parties.responder.read_message(as_bytes("GET / HTTP/1.1\r\n\r\n"), payload));
  EXPECT_FALSE(parties.responder.read_message(wire, payload));
  EXPECT_FALSE(parties.responder.write_message({}, out));
  EXPECT_FALSE(parties.responder.finished());
}

TEST(NoiseHandshake, RefusesAMessageOutOfTurn) {
  Parties parties;
  const auto wire = parties.first();
  ByteVector payload;
  ASSERT_TRUE(parties.responder.read_message(wire, payload));
  EXPECT_FALSE(parties.responder.read_message(wire, payload));
}

TEST(NoiseHandshake, AppendsBehindWhatIsThere) {
  Parties parties;
  ByteVector wire(3, std::byte{9}), payload(2, std::byte{8});
  ASSERT_TRUE(parties.initiator.write_message(as_bytes("x"), wire));
  ASSERT_EQ(wire.size(), 3 + NoiseHandshake::kOverhead1 + 1);
  ASSERT_TRUE(parties.responder.read_message(Bytes{wire}.subspan(3), payload));
  EXPECT_EQ(payload.size(), 3u);
}

}  // namespace
}  // namespace culvert::crypto
