#include "tunnel/proxies/dhcp_inform.h"

#include <algorithm>

#include "tunnel/base/byte_codec.h"

namespace culvert::proxies {
namespace {

// RFC 2131 section 2: the fixed part, then the cookie, then options.
constexpr std::size_t kAddresses = 12, kHardware = 28, kServerName = 44, kFile = 108, kCookie = 236;
constexpr std::uint32_t kMagic = 0x63825363;
constexpr std::uint8_t kReply = 2, kAck = 5, kInform = 8;

// RFC 2132, RFC 8910; 252 was never registered.
enum Option : std::uint8_t {
  kPad = 0,
  kDomain = 15,
  kOverload = 52,
  kMessageType = 53,
  kParameters = 55,
  kLargest = 57,
  kCaptivePortal = 114,
  kPacUrl = 252,
  kEnd = 255,
};

struct Options {
  std::string pac_url, captive_portal, domain;
  std::uint8_t message = 0, overload = 0;
};

// An option that is there twice goes on where it was cut (RFC 3396).
void read_options(Bytes from, Options& out) {
  Reader reader(from);
  while (!reader.rest().empty()) {
    const auto code = reader.u8();
    if (code == kEnd) return;
    if (code == kPad) continue;
    const auto value = reader.take(reader.u8());
    if (!reader.ok()) return;
    switch (code) {
      case kMessageType:
        if (value.size() == 1) out.message = std::to_integer<std::uint8_t>(value[0]);
        break;
      case kOverload:
        if (value.size() == 1) out.overload = std::to_integer<std::uint8_t>(value[0]);
        break;
      case kDomain: out.domain += as_text(value); break;
      case kCaptivePortal: out.captive_portal += as_text(value); break;
      case kPacUrl: out.pac_url += as_text(value); break;
      default: break;
    }
  }
}

// Some servers send the zero that ends the text, or a line feed.
std::string clean(std::string text) {
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= 0x20) text.pop_back();
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
  return plain ? text : std::string{};
}

}  // namespace

ByteVector encode(const DhcpInform& question) {
  ByteVector packet(kCookie);
  packet[0] = std::byte{1};  // BOOTREQUEST
  packet[1] = std::byte{1};  // Ethernet
  packet[2] = std::byte{6};
  store_be(packet.data() + 4, question.transaction);
  store_be(packet.data() + kAddresses, question.own.v4_value());
  std::transform(question.hardware.begin(), question.hardware.end(), packet.begin() + kHardware,
                 [](std::uint8_t octet) { return std::byte{octet}; });
  Writer writer(packet);
  writer.number(kMagic);
  for (const std::uint8_t octet :
       {std::uint8_t{kMessageType}, std::uint8_t{1}, kInform, std::uint8_t{kParameters},
        std::uint8_t{3}, std::uint8_t{kPacUrl}, std::uint8_t{kCaptivePortal}, std::uint8_t{kDomain},
        std::uint8_t{kLargest}, std::uint8_t{2}})
    writer.number(octet);
  writer.number(std::uint16_t{1400});
  writer.number(std::uint8_t{kEnd});
  packet.resize(std::max<std::size_t>(packet.size(), 300));  // BOOTP's least, which some insist on
  return packet;
}

Result<DhcpAnswer> decode_dhcp_answer(Bytes packet, std::uint32_t transaction) {
  if (packet.size() < kCookie + 4 || packet[0] != std::byte{kReply} ||
      load_be<std::uint32_t>(packet.data() + 4) != transaction ||
      load_be<std::uint32_t>(packet.data() + kCookie) != kMagic)
    return fail(ErrorCode::kProtocol, "not an answer to this DHCPINFORM");
  Options options;
  read_options(packet.subspan(kCookie + 4), options);
  if (options.message != kAck) return fail(ErrorCode::kProtocol, "not a DHCPACK");
  if ((options.overload & 1) != 0) read_options(packet.subspan(kFile, kCookie - kFile), options);
  if ((options.overload & 2) != 0)
    read_options(packet.subspan(kServerName, kFile - kServerName), options);
  return DhcpAnswer{clean(std::move(options.pac_url)), clean(std::move(options.captive_portal)),
                    clean(std::move(options.domain))};
}

}  // namespace culvert::proxies
