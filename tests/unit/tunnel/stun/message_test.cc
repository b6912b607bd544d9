#include "tunnel/stun/message.h"

#include <gtest/gtest.h>

#include <random>

namespace culvert::stun {
namespace {

SocketAddress at(const char* text) { return *SocketAddress::parse(text); }

TransactionId id_of(unsigned octet) {
  std::array<std::byte, 12> random;
  random.fill(static_cast<std::byte>(octet));
  return make_transaction_id(random);
}

// RFC 5769 section 2.2: an answer with SOFTWARE, MESSAGE-INTEGRITY and FINGERPRINT.
TEST(StunMessage, TheSampleAnswerOfRfc5769IsUnderstood) {
  const auto sample = from_hex(
      "0101003c 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220"
      "00200008 0001a147e112a643 00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7"
      "80280004 c07d4c96");
  const auto answer = decode_response(sample);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->mapped, at("192.0.2.1:32853"));
}

// RFC 5769 section 2.3.
TEST(StunMessage, TheSampleIpv6AnswerOfRfc5769IsUnderstood) {
  const auto sample = from_hex(
      "01010048 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220"
      "00200014 0002a147 0113a9faa5d3f179bc25f4b5bed2b9d9 00080014"
      "a382954e4be67bf11784c97c8292c275bfe3ed41 80280004 c8fb0b4c");
  const auto answer = decode_response(sample);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->mapped, at("[2001:db8:1234:5678:11:2233:4455:6677]:32853"));
}

TEST(StunMessage, RequestsSurviveTheWire) {
  Request request;
  request.id = id_of(1);
  EXPECT_EQ(encode(request).size(), kHeader);
  EXPECT_EQ(*decode_request(encode(request)), request);
  request.change_ip = true;
  request.response_port = 4000;
  EXPECT_EQ(*decode_request(encode(request)), request);
  const auto filled = encode(request, 100);
  EXPECT_GE(filled.size(), 100u);
  EXPECT_LT(filled.size(), 108u);
  EXPECT_EQ(*decode_request(filled), request);
}

TEST(StunMessage, AnswersSurviveTheWireForNewAndOldClients) {
  for (const bool modern : {true, false}) {
    Response response;
    response.id = id_of(2);
    if (!modern) response.id[0] = std::byte{};
    response.mapped = at("192.0.2.1:40000");
    response.response_origin = at("198.51.100.1:3478");
    response.other_address = at("198.51.100.2:3479");
    EXPECT_EQ(*decode_response(encode(response)), response) << modern;
    response.mapped = at("[2001:db8::1]:40000");
    EXPECT_EQ(*decode_response(encode(response)), response) << modern;
  }
  Response refusal;
  refusal.id = id_of(3);
  refusal.error = 420;
  refusal.unknown = {0x0002, 0x7000};
  EXPECT_EQ(*decode_response(encode(refusal)), refusal);
}

TEST(StunMessage, WhatMustBeUnderstoodAndIsNotIsNamed) {
  // RESPONSE-ADDRESS of RFC 3489: an answer to somebody else is what reflectors are made of.
  const auto wire =
      from_hex("0001000c 2112a442 010101010101010101010101 00020008 0001 1234 c0000201");
  const auto request = decode_request(wire);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->unknown, std::vector<std::uint16_t>{2});
}

TEST(StunMessage, OtherProtocolsAndBrokenOnesAreRefused) {
  EXPECT_FALSE(is_stun(from_hex("c7565401")));
  EXPECT_FALSE(decode_request({}));
  auto wire = encode(Request{id_of(1), true, false, {}, false, {}});
  EXPECT_FALSE(decode_response(wire)) << "a request";
  wire[3] = std::byte{4};
  EXPECT_FALSE(decode_request(wire)) << "shorter than it says";
  EXPECT_FALSE(size_of_message(from_hex("0001ffff"))) << "too long";
  EXPECT_FALSE(size_of_message(from_hex("00010003"))) << "not a multiple of four";
}

class StunNoise : public testing::TestWithParam<unsigned> {};

TEST_P(StunNoise, BreaksNothing) {
  std::mt19937 rng(GetParam());
  for (int turn = 0; turn < 2000; ++turn) {
    Response response;
    response.id = id_of(static_cast<unsigned>(rng()));
    response.mapped = at("192.0.2.1:40000");
    auto wire = encode(response);
    for (unsigned i = 0; i < rng() % 4; ++i)
      wire[rng() % wire.size()] = static_cast<std::byte>(rng());
    wire.resize(rng() % 8 == 0 ? rng() % (wire.size() + 1) : wire.size());
    if (const auto back = decode_response(wire)) {
      EXPECT_TRUE(decode_response(encode(*back)));
    }
    (void)decode_request(wire);
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, StunNoise, testing::Range(0u, 5u));

}  // namespace
}  // namespace culvert::stun
