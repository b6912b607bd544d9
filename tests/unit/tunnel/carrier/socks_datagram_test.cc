#include "tunnel/carrier/socks_datagram.h"

#include <gtest/gtest.h>

#include <random>

namespace culvert::carrier {
namespace {

ByteVector wrapped(const std::string& to, std::string_view text) {
  ByteVector out;
  append_socks_header(out, *SocketAddress::parse(to));
  append(out, as_bytes(text));
  return out;
}

TEST(SocksDatagram, HasTheHeaderOfRfc1928InFront) {
  EXPECT_EQ(to_hex(wrapped("192.0.2.1:443", "hi")), "00000001c000020101bb6869");
  EXPECT_EQ(to_hex(wrapped("[2001:db8::1]:1", "")), "0000000420010db80000000000000000000000010001");
}

TEST(SocksDatagram, IsReadAsItWasWritten) {
  for (const auto* const to : {"192.0.2.1:443", "[2001:db8::1]:65535", "0.0.0.0:1"}) {
    const auto packet = wrapped(to, "octets");
    EXPECT_EQ(packet.size(), socks_header_size(*SocketAddress::parse(to)) + 6);
    const auto read = read_socks_datagram(packet);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->peer, *SocketAddress::parse(to));
    EXPECT_EQ(as_text(read->data), "octets");
  }
}

TEST(SocksDatagram, IsRefusedAsAFragmentWithANameAndWhenItIsShort) {
  const auto whole = wrapped("192.0.2.1:443", "");
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(read_socks_datagram(Bytes(whole).first(size))) << size;
  for (const int fragment : {1, 0x7f, 0x81}) {
    auto packet = whole;
    packet[2] = std::byte(fragment);
    EXPECT_FALSE(read_socks_datagram(packet));
  }
  for (const int type : {0, 2, 3, 5, 255}) {
    auto packet = whole;
    packet[3] = std::byte(type);
    EXPECT_FALSE(read_socks_datagram(packet));
  }
}

TEST(SocksDatagram, OfAnybodyIsReadWithinItsBounds) {
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    ByteVector packet(random() % 40);
    for (auto& octet : packet) octet = std::byte(random() % 6);
    const auto read = read_socks_datagram(packet);
    if (!read) continue;
    EXPECT_EQ(read->data.size() + socks_header_size(read->peer), packet.size());
  }
}

}  // namespace
}  // namespace culvert::carrier
