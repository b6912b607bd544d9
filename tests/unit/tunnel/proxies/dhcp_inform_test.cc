#include "tunnel/proxies/dhcp_inform.h"

#include <gtest/gtest.h>

#include "tunnel/base/byte_codec.h"

namespace culvert::proxies {
namespace {

constexpr std::uint32_t kTransaction = 0x01020304;

// A DHCPACK with these options behind the cookie.
ByteVector ack(std::string_view options, std::string_view file = {}) {
  ByteVector packet(236);
  packet[0] = std::byte{2};
  store_be(packet.data() + 4, kTransaction);
  std::copy(as_bytes(file).begin(), as_bytes(file).end(), packet.begin() + 108);
  append(packet, from_hex("63825363 350105"));
  append(packet, as_bytes(options));
  return packet;
}

TEST(DhcpInform, is_what_the_RFC_says) {
  const auto packet = encode(DhcpInform{
      kTransaction, *IpAddress::parse("10.77.0.50"), {0x02, 0x42, 0xac, 0x11, 0x00, 0x02}});
  ASSERT_GE(packet.size(), 300u);
  EXPECT_EQ(to_hex(Bytes{packet}.first(16)),
            "01010600010203040000000"
            "00a4d0032");
  EXPECT_EQ(to_hex(Bytes{packet}.subspan(28, 6)), "0242ac110002");
  EXPECT_EQ(to_hex(Bytes{packet}.subspan(236, 17)),
            "63825363350108"
            "3703fc720f"
            "39020578"
            "ff");
}

TEST(DhcpInform, takes_the_options_out_of_the_answer) {
  const auto answer = decode_dhcp_answer(ack("\xfc\x0bhttp://p/x\n"
                                             "\x0f\x09"
                                             "corp.test"
                                             "\x72\x08http://c"
                                             "\xff"),
                                         kTransaction);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->pac_url, "http://p/x");
  EXPECT_EQ(answer->domain, "corp.test");
  EXPECT_EQ(answer->captive_portal, "http://c");
}

TEST(DhcpInform, joins_an_option_that_was_cut_and_reads_overloaded_fields) {
  const auto answer = decode_dhcp_answer(
      ack("\x34\x01\x01\xfc\x07http://", std::string_view("\xfc\x03p/x\xff")), kTransaction);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->pac_url, "http://p/x");
}

TEST(DhcpInform, refuses_what_is_not_its_answer) {
  const auto good = ack("\xff");
  EXPECT_TRUE(decode_dhcp_answer(good, kTransaction));
  EXPECT_FALSE(decode_dhcp_answer(good, kTransaction + 1));
  for (std::size_t size = 0; size < 240; ++size)
    EXPECT_FALSE(decode_dhcp_answer(Bytes{good}.first(size), kTransaction));
  auto offer = good;
  offer[242] = std::byte{2};
  EXPECT_FALSE(decode_dhcp_answer(offer, kTransaction));
}

TEST(DhcpInform, leaves_out_text_that_is_none) {
  const auto answer = decode_dhcp_answer(ack("\xfc\x04"
                                             "a\x1b[m"
                                             "\x0f\x20short"),
                                         kTransaction);
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, DhcpAnswer{});
}

}  // namespace
}  // namespace culvert::proxies
