#include "service/http_request.h"

#include <algorithm>
#include <array>

#include "tunnel/base/text.h"

namespace culvert::service {
namespace {

bool is_token(std::string_view text) {  // RFC 9110 section 5.6.2
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {  // visible ASCII, space, tab
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= ' ' && c <= '~') || c == '\t'; });
}

// The line up to CRLF, which is taken off `text`. Bare CR and bare LF end nothing.
std::optional<std::string_view> take_line(std::string_view& text) {
  const auto end = text.find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const auto line = text.substr(0, end);
  text.remove_prefix(end + 2);
  return line;
}

HttpRequest refuse(int status) {
  HttpRequest refused;
  refused.status = status;
  return refused;
}

// In a list separated by commas.
bool has_token(std::string_view list, std::string_view lower) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    if (same_ignoring_case(trimmed(list.substr(0, comma)), lower)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// What a WebSocket upgrade consists of besides the request line. Anything less is an ordinary
// request, as for any web server that knows no WebSocket.
struct Upgrade {
  bool asked = false, connection = false, version = false;
  std::string_view key;

  void read(std::string_view name, std::string_view value) {
    constexpr std::size_t kKeySize = 24;  // base64 of 16 octets
    if (same_ignoring_case(name, "upgrade")) asked = asked || has_token(value, "websocket");
    if (same_ignoring_case(name, "connection"))
      connection = connection || has_token(value, "upgrade");
    if (same_ignoring_case(name, "sec-websocket-version")) version = value == "13";
    if (same_ignoring_case(name, "sec-websocket-key") && value.size() == kKeySize) key = value;
  }
  bool is_complete() const { return asked && connection && version; }
};

HttpRequest read_request_line(std::string_view line, bool& version_1_1) {
  const auto first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return refuse(400);
  const auto method = line.substr(0, first), version = line.substr(last + 1);
  const auto target = line.substr(first + 1, last - first - 1);
  if (!is_token(method)) return refuse(400);
  if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.') return refuse(400);
  if (version[5] != '1') return refuse(505);
  if (version[7] != '0' && version[7] != '1') return refuse(505);
  version_1_1 = version[7] == '1';
  if (target.size() > kMaxHttpTarget) return refuse(414);
  constexpr std::array kKnown{"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"};
  if (std::find(kKnown.begin(), kKnown.end(), method) != kKnown.end()) return refuse(405);
  if (method != "GET" && method != "HEAD") return refuse(501);
  const bool plain =
      std::all_of(target.begin(), target.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!plain || target.empty() || target.front() != '/') return refuse(400);
  HttpRequest request;
  request.head = method == "HEAD";
  request.target = target;
  return request;
}

}  // namespace

std::optional<HttpRequest> parse_http_request(Bytes received) {
  const bool too_long = received.size() > kMaxHttpHead;
  auto text = as_text(received.first(std::min(received.size(), kMaxHttpHead)));
  if (text.find('\0') != std::string_view::npos) return refuse(400);
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1))
    if (at == 0 || text[at - 1] != '\r') return refuse(400);

  const auto request_line = take_line(text);
  if (!request_line) return too_long ? std::optional(refuse(414)) : std::nullopt;
  bool version_1_1 = false;
  auto request = read_request_line(*request_line, version_1_1);
  if (request.status != 200) return request;

  Upgrade upgrade;
  int hosts = 0, lengths = 0;
  while (true) {
    const auto line = take_line(text);
    if (!line) return too_long ? std::optional(refuse(431)) : std::nullopt;
    if (line->empty()) break;
    const auto colon = line->find(':');  // a line that begins with a space continues one: refused
    if (colon == std::string_view::npos || !is_token(line->substr(0, colon))) return refuse(400);
    const auto name = line->substr(0, colon), value = trimmed(line->substr(colon + 1));
    if (!is_field_value(value)) return refuse(400);
    upgrade.read(name, value);
    if (same_ignoring_case(name, "host") && (++hosts > 1 || value.empty())) return refuse(400);
    if (same_ignoring_case(name, "transfer-encoding")) return refuse(400);
    if (same_ignoring_case(name, "content-length") && (++lengths > 1 || value != "0"))
      return refuse(400);
  }
  if (version_1_1 && hosts != 1) return refuse(400);
  request.size = static_cast<std::size_t>(text.data() - as_text(received).data());
  if (version_1_1 && !request.head && upgrade.is_complete()) request.websocket_key = upgrade.key;
  return request;
}

}  // namespace culvert::service
