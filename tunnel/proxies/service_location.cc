#include "tunnel/proxies/service_location.h"

#include <algorithm>

#include "tunnel/base/byte_codec.h"

namespace culvert::proxies {
namespace {

constexpr std::uint8_t kVersion = 2, kRequest = 1, kReply = 2;
constexpr std::uint16_t kMulticast = 0x2000;
constexpr std::size_t kLengthAt = 2, kMostUrl = 256;

tl::unexpected<Error> no(const char* why) { return fail(ErrorCode::kProtocol, why); }

void write_u24(Writer& writer, std::uint32_t value) {
  writer.u8(static_cast<std::uint8_t>(value >> 16));
  writer.u16(static_cast<std::uint16_t>(value));
}

std::uint32_t read_u24(Reader& in) {
  const std::uint32_t high = in.u8();
  return high << 16 | in.u16();
}

// "service:http-proxy://10.0.0.1:3128/path;attribute=x", and the form with the URL of a concrete
// service behind the type: "service:socks:socks4://10.0.0.1:1080" (RFC 2609).
std::string proxy_of(std::string_view url) {
  struct Kind {
    std::string_view type, scheme;
  };
  static constexpr Kind kKinds[] = {{"service:http-proxy:", "http:"},
                                    {"service:socks:", "socks5:"}};
  const auto is_of_url = [](char c) { return c > 0x20 && c < 0x7f && c != '@'; };
  if (url.size() > kMostUrl || !std::ranges::all_of(url, is_of_url)) return {};
  for (const auto& [type, scheme] : kKinds) {
    if (!url.starts_with(type)) continue;
    url.remove_prefix(type.size());
    const auto slashes = url.find("//");
    if (slashes == url.npos) return {};
    const auto own_scheme = url.substr(0, slashes);
    const auto place = url.substr(slashes + 2);
    const auto end = std::min(place.find_first_of("/;?#"), place.size());
    if (end == 0) return {};
    return std::string(own_scheme.empty() ? scheme : own_scheme) + "//" +
           std::string(place.substr(0, end));
  }
  return {};
}

std::string read_entry(Reader& in) {
  in.u8();   // reserved
  in.u16();  // seconds for which it is good
  const auto url = in.text16();
  for (auto blocks = in.u8(); blocks > 0 && in.ok(); --blocks) {
    in.u16();  // how it is authenticated
    const auto length = in.u16();
    if (length < 4) in.set_failed();
    in.take(length - std::size_t{4});
  }
  return in.ok() ? url : std::string{};
}

}  // namespace

//   0         1          2                  5        7                10     12        14
//  +---------+----------+------------------+--------+----------------+------+---------+----------+
//  | 2       | function | length of all    | flags  | extensions at  | xid  | length  | language |
ByteVector encode_service_request(std::string_view type, std::uint16_t transaction) {
  ByteVector packet;
  Writer writer(packet);
  writer.u8(kVersion);
  writer.u8(kRequest);
  write_u24(writer, 0);
  writer.u16(kMulticast);
  write_u24(writer, 0);
  writer.u16(transaction);
  writer.text16("en");
  writer.text16("");  // who has answered before
  writer.text16(type);
  writer.text16("DEFAULT");
  writer.text16("");  // predicate
  writer.text16("");  // SPI
  store_be(packet.data() + kLengthAt + 1, static_cast<std::uint16_t>(packet.size()));
  return packet;
}

Result<std::vector<std::string>> decode_service_reply(Bytes packet, std::uint16_t transaction) {
  Reader in(packet);
  const auto version = in.u8(), function = in.u8();
  const auto length = read_u24(in);
  in.u16();  // flags
  read_u24(in);
  const auto xid = in.u16();
  in.text16();  // language
  const auto error = in.u16();
  const auto count = in.u16();
  if (!in.ok() || version != kVersion || function != kReply || length > packet.size())
    return no("not a reply of SLPv2");
  if (xid != transaction) return no("the reply to another request");
  if (error != 0) return no("the reply says that there is an error");
  std::vector<std::string> proxies;
  for (int left = count; left > 0 && proxies.size() < kMostLocated; --left) {
    auto proxy = proxy_of(read_entry(in));
    if (!in.ok()) break;  // cut off, as answers that do not fit into a datagram are
    if (!proxy.empty()) proxies.push_back(std::move(proxy));
  }
  return proxies;
}

}  // namespace culvert::proxies
