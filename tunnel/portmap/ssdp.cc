#include "tunnel/portmap/ssdp.h"

#include <algorithm>

#include "tunnel/base/text.h"
#include "tunnel/portmap/mapping.h"

namespace culvert::portmap {
namespace {

constexpr std::size_t kMostOctets = 2048, kMostLines = 64;

}  // namespace

ByteVector encode_igd_search(const IpAddress& to) {
  // Devices of version 2 answer this as well.
  const auto text = "M-SEARCH * HTTP/1.1\r\nHOST: " + SocketAddress{to, kSsdpPort}.to_string() +
                    "\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n"
                    "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n";
  const auto octets = as_bytes(text);
  return {octets.begin(), octets.end()};
}

Result<GatewayUrl> parse_gateway_url(std::string_view url, const IpAddress& gateway) {
  const auto no = [](const char* why) { return fail(ErrorCode::kProtocol, why); };
  constexpr std::string_view kScheme = "http://";
  if (url.size() > kMostUrl) return no("its URL is too long");
  if (!std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7f; }))
    return no("its URL has characters that none may have");
  if (url.size() < kScheme.size() || !same_ignoring_case(url.substr(0, kScheme.size()), kScheme))
    return no("its URL is not of HTTP");
  url.remove_prefix(kScheme.size());
  const auto slash = std::min(url.find('/'), url.size());
  auto host = url.substr(0, slash);
  GatewayUrl out;
  out.path = slash == url.size() ? "/" : std::string(url.substr(slash));
  if (const auto colon = host.find(':'); colon != std::string_view::npos) {
    if (!parse_number(host.substr(colon + 1), out.port) || out.port == 0)
      return no("its URL has no port that exists");
    host = host.substr(0, colon);
  }
  const auto address = IpAddress::parse(host);
  if (!address || *address != gateway) return no("its URL leads to another machine");
  return out;
}

Result<std::string> decode_igd_answer(Bytes datagram, const IpAddress& gateway) {
  const auto no = [](const char* why) { return fail(ErrorCode::kProtocol, why); };
  if (datagram.size() > kMostOctets) return no("too long for an SSDP answer");
  auto text = as_text(datagram);
  std::string_view location, type;
  for (std::size_t line_number = 0; !text.empty() && line_number < kMostLines; ++line_number) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line_number == 0) {
      if (!line.starts_with("HTTP/1.") ||
          line.substr(std::min<std::size_t>(8, line.size()), 4) != " 200")
        return no("not an SSDP answer");
      continue;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto name = trimmed(line.substr(0, colon));
    if (same_ignoring_case(name, "location")) location = trimmed(line.substr(colon + 1));
    if (same_ignoring_case(name, "st")) type = trimmed(line.substr(colon + 1));
  }
  if (type.find(":device:InternetGatewayDevice:") == std::string_view::npos)
    return no("an SSDP answer of another device");
  const auto url = parse_gateway_url(location, gateway);
  if (!url) return fail(url.error());
  return std::string(location);
}

}  // namespace culvert::portmap
