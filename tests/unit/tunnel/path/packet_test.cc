#include "tunnel/path/packet.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace culvert::path {
namespace {

using Algorithm = crypto::AeadAlgorithm;

Secret<32> a_key(std::uint8_t first) {
  Secret<32> key;
  key.edit()[0] = std::byte{first};
  return key;
}

TEST(PathPacket, OpensOnceAndOnlyAsItWasSealed) {
  const Sealer sealer(7, a_key(1), Algorithm::kChaCha20Poly1305);
  const auto packet = sealer.seal(5, Kind::kDatagram, as_bytes("head"), as_bytes("hello"), 0);
  EXPECT_EQ(packet.size(), kOverhead + 9);
  EXPECT_EQ(name_of(packet)->path, 7u);
  ByteVector scratch(packet.size());
  for (std::size_t i = 0; i < packet.size(); ++i) {
    Opener opener(a_key(1), Algorithm::kChaCha20Poly1305);
    auto altered = packet;
    altered[i] ^= std::byte{0x20};
    EXPECT_FALSE(opener.open(altered, scratch)) << i;
  }
  Opener opener(a_key(1), Algorithm::kChaCha20Poly1305);
  EXPECT_FALSE(opener.open(Bytes{packet}.first(packet.size() - 1), scratch));
  const auto opened = opener.open(packet, scratch);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->kind, Kind::kDatagram);
  EXPECT_EQ(opened->counter, 5u);
  EXPECT_EQ(as_text(opened->body), "headhello");
  EXPECT_FALSE(opener.open(packet, scratch)) << "repeated";
}

TEST(PathPacket, IsFilledUpToItsSize) {
  const Sealer sealer(7, a_key(1), Algorithm::kChaCha20Poly1305);
  EXPECT_EQ(sealer.seal(0, Kind::kProbe, {}, {}, 1252).size(), 1252u);
  EXPECT_EQ(sealer.seal(1, Kind::kProbe, {}, {}, 3).size(), kOverhead);
}

TEST(PathPacket, NamesNothingThatIsShortOrOfOthers) {
  EXPECT_FALSE(name_of({}));
  EXPECT_FALSE(name_of(from_hex("0400000001")));
  EXPECT_FALSE(name_of(ByteVector(100, std::byte{0})));   // STUN
  EXPECT_FALSE(name_of(ByteVector(100, std::byte{64})));  // QUIC
  EXPECT_EQ(name_of(opaque_packet(9, as_bytes("x")))->path, 9u);
  EXPECT_EQ(name_of(opaque_packet(9, as_bytes("x")))->type, PacketType::kOpaque);
}

TEST(PathPacket, KeysOfBothSidesMeetAndDependOnBothHalves) {
  control::PathOffer caller, answerer;
  caller.secret = a_key(1);
  answerer.secret = a_key(2);
  const auto one = derive_keys(caller, answerer, true);
  const auto other = derive_keys(answerer, caller, false);
  EXPECT_EQ(one.sending, other.receiving);
  EXPECT_EQ(one.receiving, other.sending);
  EXPECT_FALSE(one.sending == one.receiving);
  EXPECT_EQ(one.algorithm, Algorithm::kChaCha20Poly1305);
  answerer.secret = a_key(3);
  EXPECT_FALSE(derive_keys(caller, answerer, true).sending == one.sending);
}

class Replay : public testing::TestWithParam<unsigned> {};

TEST_P(Replay, NoNumberIsTakenTwiceAndNoneWithinTheWindowIsRefused) {
  std::mt19937_64 random(GetParam());
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  ReplayWindow window;
  std::set<std::uint64_t> taken;
  std::uint64_t top = 0;
  for (int turn = 0; turn < 20'000; ++turn) {
    const auto jump = random() % 100 == 0 ? random() % 10'000 : random() % 200;
    const auto number = random() % 2 == 0 || top < jump ? top + jump % 70 : top - jump;
    const bool within = number > top || top + 1 - number <= ReplayWindow::kSize;
    EXPECT_EQ(window.accepts(number), within && !taken.contains(number)) << number << " of " << top;
    if (!window.accepts(number)) continue;
    window.mark(number);
    taken.insert(number);
    top = std::max(top, number);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Replay, testing::Range(0u, 8u));

}  // namespace
}  // namespace culvert::path
