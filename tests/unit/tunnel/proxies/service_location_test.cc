#include "tunnel/proxies/service_location.h"

#include <gtest/gtest.h>

#include "tunnel/base/byte_codec.h"

namespace culvert::proxies {
namespace {

using Urls = std::vector<std::string>;

struct Reply {
  std::uint8_t version = 2, function = 2;
  std::uint16_t error = 0;
  Urls urls;
  std::uint8_t blocks = 0;
};

ByteVector encode(const Reply& reply, std::uint16_t transaction = 7) {
  ByteVector packet;
  Writer writer(packet);
  writer.u8(reply.version);
  writer.u8(reply.function);
  writer.u8(0);
  writer.u16(0);
  writer.u16(0);
  writer.u8(0);
  writer.u16(0);
  writer.u16(transaction);
  writer.text16("en");
  writer.u16(reply.error);
  writer.u16(static_cast<std::uint16_t>(reply.urls.size()));
  for (const auto& url : reply.urls) {
    writer.u8(0);
    writer.u16(300);
    writer.text16(url);
    writer.u8(reply.blocks);
    for (int i = 0; i < reply.blocks; ++i) {
      writer.u16(2);
      writer.u16(8);
      writer.u32(0);
    }
  }
  store_be(packet.data() + 3, static_cast<std::uint16_t>(packet.size()));
  return packet;
}

Urls proxies_of(const std::string& url) {
  return decode_service_reply(encode({.urls = {url}}), 7).value();
}

// Written by hand from RFC 2608, sections 8 and 8.1.
TEST(ServiceLocation, ARequestIsWhatTheRfcShows) {
  EXPECT_EQ(to_hex(encode_service_request("service:socks", 0x1234)),
            "0201"
            "00002e"
            "2000"
            "000000"
            "1234"
            "0002656e"
            "0000"
            "000d736572766963653a736f636b73"
            "000744454641554c54"
            "0000"
            "0000");
}

TEST(ServiceLocation, AReplyNamesProxiesAsTheyAreWrittenElsewhere) {
  EXPECT_EQ(proxies_of("service:http-proxy://10.0.0.1:3128"), Urls{"http://10.0.0.1:3128"});
  EXPECT_EQ(proxies_of("service:http-proxy://proxy.site:3128/;x=1"),
            Urls{"http://proxy.site:3128"});
  EXPECT_EQ(proxies_of("service:socks://10.0.0.1:1080"), Urls{"socks5://10.0.0.1:1080"});
  EXPECT_EQ(proxies_of("service:socks:socks4://10.0.0.1:1080"), Urls{"socks4://10.0.0.1:1080"});
}

TEST(ServiceLocation, WhatIsNoProxyOrNamesAUserIsLeftOut) {
  for (const auto* other :
       {"service:printer:lpr://10.0.0.1", "http://10.0.0.1:3128", "",
        "service:http-proxy:", "service:http-proxy://", "service:socks:///x",
        "service:socks://alice:secret@10.0.0.1:1080", "service:http-proxy://10.0.0.1:3128\r\nX: y"})
    EXPECT_EQ(proxies_of(other), Urls{}) << other;
  EXPECT_EQ(proxies_of("service:socks://" + std::string(300, 'a')), Urls{});
}

TEST(ServiceLocation, SignaturesAreSteppedOver) {
  const auto reply =
      encode({.urls = {"service:socks://10.0.0.1:1", "service:socks://10.0.0.2:2"}, .blocks = 2});
  EXPECT_EQ(decode_service_reply(reply, 7).value(),
            (Urls{"socks5://10.0.0.1:1", "socks5://10.0.0.2:2"}));
}

TEST(ServiceLocation, WhatIsNotTheReplyToThisRequestIsRefused) {
  const Urls urls{"service:socks://10.0.0.1:1080"};
  EXPECT_FALSE(decode_service_reply(encode({.urls = urls}, 8), 7));
  EXPECT_FALSE(decode_service_reply(encode({.version = 1, .urls = urls}), 7));
  EXPECT_FALSE(decode_service_reply(encode({.function = 1, .urls = urls}), 7));
  EXPECT_FALSE(decode_service_reply(encode({.error = 4, .urls = urls}), 7));
  auto longer = encode({.urls = urls});
  store_be(longer.data() + 3, static_cast<std::uint16_t>(longer.size() + 1));
  EXPECT_FALSE(decode_service_reply(longer, 7));
}

TEST(ServiceLocation, OneThatIsCutOffNamesWhatIsWhole) {
  auto whole = encode({.urls = {"service:socks://10.0.0.1:1", "service:socks://10.0.0.2:2"}});
  store_be(whole.data() + 3, std::uint16_t{16});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto some = decode_service_reply(Bytes{whole}.first(size), 7);
    EXPECT_LE(some ? some->size() : 0, 1u) << size;
  }
  Urls many(20, "service:socks://10.0.0.1:1");
  EXPECT_EQ(decode_service_reply(encode({.urls = many}), 7)->size(), kMostLocated);
}

}  // namespace
}  // namespace culvert::proxies
