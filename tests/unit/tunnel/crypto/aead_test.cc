#include "tunnel/crypto/aead.h"

#include <gtest/gtest.h>

#include <random>

#include "tunnel/crypto/aead_engine.h"

namespace culvert::crypto {
namespace {

using Tag = std::array<std::byte, kAeadTagSize>;
using MakeEngine = std::unique_ptr<const AeadEngine> (*)(AeadAlgorithm,
                                                         std::span<const std::byte, 32>);

std::array<std::byte, 32> counting_key() {
  std::array<std::byte, 32> key;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(i);
  return key;
}

ByteVector random_bytes(std::mt19937& random, std::size_t size) {
  ByteVector out(size);
  for (auto& byte : out) byte = static_cast<std::byte>(random());
  return out;
}

struct Example {
  AeadAlgorithm algorithm;
  std::string_view text;
  std::string_view sealed;  // text and tag
};

// Computed with python3-cryptography: key 00 01 .. 1f, counter 0x0102030405060708, AAD "record 1".
constexpr Example kExamples[] = {
    {AeadAlgorithm::kAes256Gcm, "", "f5b59e81fc7ba4652087c7c7e39d4ee5"},
    {AeadAlgorithm::kChaCha20Poly1305, "", "160814e8eac75e9092bdb5a33dade1df"},
    {AeadAlgorithm::kAes256Gcm, "sixteen byte txt and five",
     "77381d7ab88467be61e6898a3e1341845a9832a6f7b3211a8c9a83da6dc10bca2925fcc261fba13222"},
    {AeadAlgorithm::kChaCha20Poly1305, "sixteen byte txt and five",
     "8320d590ce5c843806d25ea9530c19ccc0679ca0a8222ce832bd11a2ff2fbe80a448ac3db441e4ee85"},
};

class EveryEngine : public testing::TestWithParam<MakeEngine> {};

TEST_P(EveryEngine, AgreesWithAnIndependentImplementation) {
  for (const auto& example : kExamples) {
    const auto engine = GetParam()(example.algorithm, counting_key());
    if (!engine) continue;
    ByteVector text;
    append(text, as_bytes(example.text));
    Tag tag;
    const auto nonce = nonce_of(example.algorithm, 0x0102030405060708);
    engine->seal(nonce, as_bytes("record 1"), text, text, tag);
    EXPECT_EQ(to_hex(text) + to_hex(tag), example.sealed);
    EXPECT_TRUE(engine->open(nonce, as_bytes("record 1"), text, text, tag));
    EXPECT_EQ(as_text(text), example.text);
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, EveryEngine,
                         testing::Values(&make_sodium_engine, &make_ipsec_mb_engine));

class EveryAlgorithm : public testing::TestWithParam<AeadAlgorithm> {
 protected:
  void SetUp() override {
    if (!is_supported(GetParam())) GTEST_SKIP() << "no hardware AES here";
  }
};

// What one library seals the other opens, for every length around the block sizes.
TEST_P(EveryAlgorithm, IsTheSameInBothLibraries) {
  const auto one = make_ipsec_mb_engine(GetParam(), counting_key());
  const auto other = make_sodium_engine(GetParam(), counting_key());
  if (!one || !other) GTEST_SKIP() << "only one library here";
  std::mt19937 random(7);
  std::vector<std::size_t> sizes{1024, 1200, 4095, 16384, 16385};
  for (std::size_t size = 0; size < 300; ++size) sizes.push_back(size);
  for (const auto size : sizes) {
    SCOPED_TRACE(size);
    const auto text = random_bytes(random, size);
    const auto aad = random_bytes(random, size % 33);
    auto sealed = text;
    Tag tag;
    const auto nonce = nonce_of(GetParam(), size);
    one->seal(nonce, aad, sealed, sealed, tag);
    ByteVector sealed_by_other(size);  // and not in place
    Tag tag_by_other;
    other->seal(nonce, aad, text, sealed_by_other, tag_by_other);
    ASSERT_EQ(sealed, sealed_by_other);
    ASSERT_EQ(tag, tag_by_other);
    ByteVector opened(size);
    ASSERT_TRUE(one->open(nonce, aad, sealed, opened, tag));
    ASSERT_EQ(opened, text);
    ASSERT_TRUE(other->open(nonce, aad, sealed_by_other, sealed_by_other, tag));
    ASSERT_EQ(sealed_by_other, text);
  }
}

// Parts of all lengths around the block sizes, and strays at the very begin and end.
TEST_P(EveryAlgorithm, SealsStraysAsIfTheyHadBeenInTheirPlace) {
  std::mt19937 random(11);
  for (const auto make : {&make_ipsec_mb_engine, &make_sodium_engine}) {
    const auto engine = make(GetParam(), counting_key());
    if (!engine) continue;
    for (int round = 0; round < 500; ++round) {
      SCOPED_TRACE(round);
      const std::size_t most = round % 10 == 0 ? 17'000 : 70;
      std::vector<ByteVector> parts(1 + random() % (2 * Strays::kMost));
      ByteVector text, holed;
      Strays strays;
      for (std::size_t i = round % 2 == 0 ? 0 : 1; i < parts.size(); ++i) {
        parts[i] = random_bytes(random, random() % most);
        if (i % 2 == 0) strays.add(text.size(), parts[i]);
        append(text, parts[i]);
        append(holed, i % 2 == 0 ? Bytes{ByteVector(parts[i].size())} : Bytes{parts[i]});
      }
      const auto nonce = nonce_of(GetParam(), static_cast<std::uint64_t>(round));
      Tag tag, holed_tag;
      engine->seal(nonce, as_bytes("ad"), text, text, tag);
      engine->seal_with_strays(nonce, as_bytes("ad"), holed, strays.all(), holed_tag);
      ASSERT_EQ(holed, text);
      ASSERT_EQ(holed_tag, tag);
    }
  }
}

TEST_P(EveryAlgorithm, RefusesEveryFlippedBitAndReleasesNothing) {
  const auto key = AeadKey::make(GetParam(), counting_key());
  ByteVector text(20, std::byte{0x55});
  Tag tag;
  const ByteVector aad(5, std::byte{1});
  key.seal(9, aad, text, tag);
  for (std::size_t bit = 0; bit < 8 * (text.size() + tag.size() + aad.size()); ++bit) {
    auto bad_text = text;
    auto bad_tag = tag;
    auto bad_aad = aad;
    const auto at = bit / 8;
    auto& byte = at < 20 ? bad_text[at] : at < 36 ? bad_tag[at - 20] : bad_aad[at - 36];
    byte ^= static_cast<std::byte>(1u << bit % 8);
    ASSERT_FALSE(key.open(9, bad_aad, bad_text, bad_tag)) << bit;
    ASSERT_EQ(bad_text, ByteVector(20));
  }
  auto copy = text;
  EXPECT_FALSE(key.open(10, aad, copy, tag)) << "another counter";
  copy = text;
  EXPECT_FALSE(key.open(9, aad, copy, Bytes{tag}.first(15))) << "a cut tag";
  EXPECT_FALSE(key.open(9, aad, copy, {})) << "no tag";
  EXPECT_TRUE(key.open(9, aad, text, tag));
}

TEST_P(EveryAlgorithm, UsesTheWholeCounter) {
  const auto key = AeadKey::make(GetParam(), counting_key());
  Tag low, high;
  ByteVector text(1);
  key.seal(1, {}, text, low);
  text[0] = std::byte{0};
  key.seal(1 | std::uint64_t{1} << 63, {}, text, high);
  EXPECT_NE(low, high);
}

TEST_P(EveryAlgorithm, KeysMoveAndKeepWorking) {
  auto first = AeadKey::make(GetParam(), counting_key());
  auto second = std::move(first);
  first = AeadKey::make(GetParam(), counting_key());
  ByteVector text(100, std::byte{3});
  Tag tag;
  first.seal(0, {}, text, tag);
  EXPECT_TRUE(second.open(0, {}, text, tag));
}

// Computed as above, with the nonce a0 a1 .. ab; AES-128-GCM with the key 00 01 .. 0f.
TEST_P(EveryAlgorithm, SealsUnderTheNonceOfACaller) {
  AeadNonce nonce;
  for (std::size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<std::uint8_t>(0xa0 + i);
  const auto text = as_bytes("sixteen byte txt and five");
  ByteVector out(text.size());
  Tag tag;
  const auto key = AeadKey::make(GetParam(), counting_key());
  key.seal(nonce, as_bytes("record 1"), text, out, tag);
  EXPECT_EQ(
      to_hex(out) + to_hex(tag),
      GetParam() == AeadAlgorithm::kAes256Gcm
          ? "9571045920ae6c9f001cf3b6270eb8aa50cd3774b2d12b1af976daf36eb6cfd408f0a8aed151bad5d9"
          : "7fc2002b2883ac8dc2768771dc8e858fbd3fbddb630c09d5d15e2232db193f82a82332bcad2b80d28c");
  const auto small = AeadKey::make_aes128_gcm(Bytes{counting_key()}.first<16>());
  if (!small) return;
  small->seal(nonce, as_bytes("record 1"), text, out, tag);
  EXPECT_EQ(to_hex(out) + to_hex(tag),
            "d9ef40cf1bec5d2ae801c1656666c814738f4d6ca37154d94068d122ac71f6eff47a59443371aa341f");
  ByteVector opened(text.size());
  EXPECT_TRUE(small->open(nonce, as_bytes("record 1"), out, opened, tag));
  EXPECT_EQ(as_text(opened), as_text(text));
  EXPECT_FALSE(small->open(nonce, as_bytes("record 2"), out, opened, tag));
  EXPECT_EQ(opened, ByteVector(text.size())) << "nothing may be released";
}

INSTANTIATE_TEST_SUITE_P(Algorithms, EveryAlgorithm,
                         testing::Values(AeadAlgorithm::kAes256Gcm,
                                         AeadAlgorithm::kChaCha20Poly1305));

TEST(AeadAlgorithms, AlwaysIncludeChaCha20) {
  const auto algorithms = preferred_algorithms();
  ASSERT_FALSE(algorithms.empty());
  EXPECT_EQ(algorithms.back(), AeadAlgorithm::kChaCha20Poly1305);
  EXPECT_EQ(algorithms.size() == 2, hardware_aes());
  EXPECT_FALSE(is_supported(AeadAlgorithm{3}));
}

}  // namespace
}  // namespace culvert::crypto
