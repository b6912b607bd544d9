#include "tunnel/carrier/tls_records.h"

#include <algorithm>

#include "tests/unit/tunnel/carrier/tls_traffic_ends.h"

namespace culvert::carrier {
namespace {

class TlsRecords : public testing::TestWithParam<TlsCipher> {
 protected:
  void SetUp() override {
    if (!supports(GetParam())) GTEST_SKIP() << "this machine leaves the cipher to the library";
  }
};

// Computed with python3-cryptography: key 00 01 .., IV a0 a1 .., record 0x0102030405060708.
TEST_P(TlsRecords, AgreeWithAnIndependentImplementation) {
  ByteVector key, iv;
  for (int i = 0; i < (GetParam() == TlsCipher::kAes128Gcm ? 16 : 32); ++i)
    key.push_back(static_cast<std::byte>(i));
  for (int i = 0; i < (GetParam() == TlsCipher::kChaCha20Poly1305 ? 12 : 4); ++i)
    iv.push_back(static_cast<std::byte>(0xa0 + i));
  auto sealing = TlsRecordKey::make(GetParam(), key, iv, 0x0102030405060708);
  const auto record =
      sealed_record(*sealing, TlsContent::kApplicationData, as_bytes("sixteen byte txt and five"));
  constexpr const char* kExpected[] = {
      "170303003101020304050607086f54e3be5eadf2e4e4de836538704e7b9d56ed36897b1f6a0e7378bbd07fa764"
      "58632c2f20dca847e5",
      "1703030031010203040506070885933ad091de1439241f7c96f6012dce58498645d895dbff9cb8633e96e26eee"
      "d9c79fed8c8d51ece5",
      "1703030029d5963c22b6ee50b6d785983f73933c125571e53d49161ef070f2be67de8e088d2de1cef18394a080"
      "12"};
  EXPECT_EQ(to_hex(record), kExpected[static_cast<std::size_t>(GetParam())]);

  auto opening = TlsRecordKey::make(GetParam(), key, iv, 0x0102030405060708);
  const auto header = opening->examine(record);
  ASSERT_TRUE(header && *header);
  EXPECT_EQ((*header)->type, TlsContent::kApplicationData);
  EXPECT_EQ((*header)->record_size, record.size());
  ByteVector text((*header)->text_size);
  ASSERT_TRUE(opening->open(record, text));
  EXPECT_EQ(as_text(text), "sixteen byte txt and five");
}

TEST_P(TlsRecords, RefuseEveryFlippedBitAndReleaseNothing) {
  auto sealing = *test_record_key(GetParam(), 1);
  auto opening = *test_record_key(GetParam(), 1);
  const auto record =
      sealed_record(sealing, TlsContent::kApplicationData, ByteVector(20, std::byte{0x55}));
  ByteVector text(20);
  for (std::size_t bit = 0; bit < 8 * record.size(); ++bit) {
    if (bit / 8 >= 1 && bit / 8 < kTlsHeaderSize) continue;  // examine() judges these
    auto altered = record;
    altered[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    ASSERT_FALSE(opening.open(altered, text)) << bit;
    ASSERT_EQ(text, ByteVector(20));
  }
  EXPECT_TRUE(opening.open(record, text)) << "a refused record does not count";
}

TEST_P(TlsRecords, OpenInTheirOrderOnly) {
  auto sealing = *test_record_key(GetParam(), 1);
  auto opening = *test_record_key(GetParam(), 1);
  const auto first = sealed_record(sealing, TlsContent::kApplicationData, as_bytes("one"));
  const auto second = sealed_record(sealing, TlsContent::kApplicationData, as_bytes("two"));
  ByteVector text(3);
  EXPECT_FALSE(opening.open(second, text)) << "moved to the front";
  EXPECT_TRUE(opening.open(first, text));
  EXPECT_FALSE(opening.open(first, text)) << "repeated";
  EXPECT_TRUE(opening.open(second, text));
  EXPECT_EQ(as_text(text), "two");
}

TEST_P(TlsRecords, AreJudgedByTheirHeaders) {
  const auto key = *test_record_key(GetParam(), 1);
  const auto overhead = key.record_size(0) - kTlsHeaderSize;
  const auto judged = [&](std::uint8_t type, unsigned version, std::size_t length) {
    const std::byte header[] = {static_cast<std::byte>(type), static_cast<std::byte>(version >> 8),
                                static_cast<std::byte>(version & 0xff),
                                static_cast<std::byte>(length >> 8),
                                static_cast<std::byte>(length & 0xff)};
    return key.examine(header);
  };
  const auto alert = [&](std::uint8_t type, unsigned version, std::size_t length) {
    const auto header = judged(type, version, length);
    return header ? TlsAlert::kCloseNotify : header.error();
  };
  EXPECT_EQ((*judged(23, 0x0303, kMaxTlsText + overhead))->text_size, kMaxTlsText);
  EXPECT_EQ((*judged(21, 0x0303, overhead))->text_size, 0u);
  EXPECT_EQ(alert(23, 0x0303, kMaxTlsText + overhead + 1), TlsAlert::kRecordOverflow);
  EXPECT_EQ(alert(23, 0x0303, 0xffff), TlsAlert::kRecordOverflow);
  EXPECT_EQ(alert(23, 0x0303, overhead - 1), TlsAlert::kBadRecordMac);
  EXPECT_EQ(alert(23, 0x0303, 0), TlsAlert::kBadRecordMac);
  EXPECT_EQ(alert(23, 0x0301, 100), TlsAlert::kProtocolVersion);
  EXPECT_EQ(alert(19, 0x0303, 100), TlsAlert::kUnexpectedMessage);
  EXPECT_EQ(alert(24, 0x0303, 100), TlsAlert::kUnexpectedMessage);
  const ByteVector part(4, std::byte{23});
  ASSERT_TRUE(key.examine(part));
  EXPECT_FALSE(*key.examine(part));
}

TEST_P(TlsRecords, EndBeforeANumberCouldComeTwice) {
  constexpr auto kLast = ~std::uint64_t{0};
  auto sealing = *test_record_key(GetParam(), 1, kLast - 2);
  auto opening = *test_record_key(GetParam(), 1, kLast - 2);
  ByteVector text(1);
  EXPECT_FALSE(sealing.exhausted());
  EXPECT_TRUE(opening.open(sealed_record(sealing, TlsContent::kAlert, text), text));
  EXPECT_TRUE(sealing.exhausted() && !sealing.has_ended()) << "one more, for an alert";
  EXPECT_TRUE(opening.open(sealed_record(sealing, TlsContent::kAlert, text), text));
  EXPECT_TRUE(sealing.has_ended() && opening.has_ended());
  EXPECT_FALSE(opening.open(ByteVector(opening.record_size(1)), text));
}

INSTANTIATE_TEST_SUITE_P(Ciphers, TlsRecords, testing::ValuesIn(kTlsCiphers));

}  // namespace
}  // namespace culvert::carrier
