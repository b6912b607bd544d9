// The octets of PCP and NAT-PMP, against the figures of their RFCs.
#include <gtest/gtest.h>

#include "tunnel/portmap/epoch.h"
#include "tunnel/portmap/nat_pmp.h"
#include "tunnel/portmap/pcp.h"

namespace culvert::portmap {
namespace {

using std::chrono::seconds;

const IpAddress kOwn = IpAddress::v4(0x0a010002);
constexpr Port kPort{Protocol::kTcp, 7443};

TEST(Pcp, AMapRequestIsWhatTheRfcDraws) {
  PcpMapRequest request;
  request.client = kOwn;
  request.nonce.fill(std::byte{0xaa});
  request.internal = kPort;
  request.lifetime = 7200;
  request.suggested.port = 7443;
  EXPECT_EQ(to_hex(encode(request)),
            "0201000000001c20"                  // version, MAP, reserved, lifetime
            "00000000000000000000ffff0a010002"  // client
            "aaaaaaaaaaaaaaaaaaaaaaaa06000000"  // nonce, TCP, reserved
            "1d131d13"                          // internal, suggested external port
            "00000000000000000000ffff00000000");
  EXPECT_EQ(encode_pcp_announce(kOwn).size(), 24u);
}

TEST(Pcp, AMapAnswerIsUnderstood) {
  const auto answer =
      decode_pcp_answer(from_hex("0281000000001c200000007b000000000000000000000000"
                                 "aaaaaaaaaaaaaaaaaaaaaaaa060000001d139c40"
                                 "00000000000000000000ffffc6336407"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->result, 0);
  EXPECT_EQ(answer->lifetime, 7200u);
  EXPECT_EQ(answer->epoch, 123u);
  ASSERT_TRUE(answer->map);
  EXPECT_EQ(answer->map->internal, kPort);
  EXPECT_EQ(answer->map->external.to_string(), "198.51.100.7:40000");
}

TEST(Pcp, WhatIsNoAnswerIsRefused) {
  for (const char* octets : {
           "", "02810000",
           "020100000000000000000000000000000000000000000000",    // a request
           "028200000000000000000000000000000000000000000000",    // PEER
           "028100000000000000000000000000000000000000000000",    // MAP without its part
           "03810000000000000000000000000000000000000000000000",  // another version, and no
                                                                  // complaint
           "0280000000000000000000000000000000000000000000",      // 23 octets
       })
    EXPECT_FALSE(decode_pcp_answer(from_hex(octets))) << octets;
  EXPECT_FALSE(decode_pcp_answer(ByteVector(1104, std::byte{2})));
}

TEST(Pcp, AnotherVersionIsHeardOf) {
  const auto answer =
      decode_pcp_answer(from_hex("018100010000000000000000000000000000000000000000"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->result, kPcpUnsupportedVersion);
}

TEST(NatPmp, RequestsAndAnswersAreWhatTheRfcDraws) {
  EXPECT_EQ(to_hex(encode_nat_pmp_address_request()), "0000");
  EXPECT_EQ(to_hex(encode_nat_pmp_map(kPort, 7443, 7200)), "000200001d131d1300001c20");
  EXPECT_EQ(to_hex(encode_nat_pmp_map({Protocol::kUdp, 7443}, 0, 0)), "000100001d13000000000000");
  const auto address = decode_nat_pmp_answer(from_hex("008000000000007bc6336407"));
  ASSERT_TRUE(address && address->external);
  EXPECT_EQ(address->external->to_string(), "198.51.100.7");
  const auto map = decode_nat_pmp_answer(from_hex("008200000000007b1d139c4000001c20"));
  ASSERT_TRUE(map && map->map);
  EXPECT_EQ(map->map->internal, kPort);
  EXPECT_EQ(map->map->external, 40000);
  EXPECT_EQ(map->map->lifetime, 7200u);
  const auto error = decode_nat_pmp_answer(from_hex("008000010000007b"));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->result, kNatPmpUnsupportedVersion);
}

TEST(NatPmp, WhatIsNoAnswerIsRefused) {
  for (const char* octets :
       {"", "00", "0080", "000000000000007bc6336407",  // a request
        "008300000000007b1d139c4000001c20",            // no such operation
        "008000000000007b",                            // nothing in it
        "008200000000007b1d139c4000001c2000", "028200000000007b1d139c4000001c20"})
    EXPECT_FALSE(decode_nat_pmp_answer(from_hex(octets))) << octets;
}

TEST(Epoch, AClockThatGoesOnIsNoRestartAndOneThatBeginsAnewIs) {
  const TimePoint start{seconds{1000}};
  Epoch epoch;
  EXPECT_TRUE(epoch.accept(5000, start));
  EXPECT_TRUE(epoch.accept(5100, start + seconds{100}));
  EXPECT_TRUE(epoch.accept(5099, start + seconds{100}));          // an answer overtook another
  EXPECT_TRUE(epoch.accept(5099 + 1010, start + seconds{1100}));  // a clock that is a bit fast
  EXPECT_FALSE(epoch.accept(3, start + seconds{1110}));
  EXPECT_TRUE(epoch.accept(13, start + seconds{1120}));
  EXPECT_FALSE(epoch.accept(200, start + seconds{2000}));  // restarted, 200 s ago
  EXPECT_FALSE(epoch.accept(5000, start + seconds{2001}));
}

}  // namespace
}  // namespace culvert::portmap
