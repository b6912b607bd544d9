#include "tunnel/carrier/ftp_reply.h"

#include <algorithm>

#include "tunnel/base/text.h"
#include "tunnel/carrier/opening_layer.h"

namespace culvert::carrier {
namespace {

constexpr std::size_t kMostLine = 4096;

int code_of(std::string_view line) {
  if (line.size() < 3) return 0;
  int code = 0;
  for (const char c : line.substr(0, 3)) {
    if (c < '0' || c > '9') return 0;
    code = code * 10 + (c - '0');
  }
  return code >= 100 && code < 600 ? code : 0;
}

tl::unexpected<Error> no_ftp(std::string_view line) {
  return fail(ErrorCode::kProtocol, "no FTP there: it answered '" + printable(line) + "'");
}

std::optional<int> number(std::string_view text, int most) {
  int value = 0;
  if (!parse_number(text, value) || value < 0 || value > most) return std::nullopt;
  return value;
}

// "h1,h2,h3,h4,p1,p2", with or without brackets around it.
std::optional<std::uint16_t> port_of_227(std::string_view text) {
  const auto begin = text.find_first_of("0123456789");
  if (begin == text.npos) return std::nullopt;
  text.remove_prefix(begin);
  text = text.substr(0, text.find_first_not_of("0123456789,"));
  int values[6];
  for (auto& value : values) {
    const auto one = number(text.substr(0, text.find(',')), 255);
    if (!one) return std::nullopt;
    value = *one;
    text.remove_prefix(std::min(text.find(','), text.size() - 1) + 1);
    if (text.empty() && &value != &values[5]) return std::nullopt;
  }
  return static_cast<std::uint16_t>(values[4] * 256 + values[5]);
}

// "(|||6446|)", whatever the delimiter.
std::optional<std::uint16_t> port_of_229(std::string_view text) {
  const auto begin = text.find('(');
  if (begin == text.npos || text.size() < begin + 5) return std::nullopt;
  text.remove_prefix(begin + 1);
  const char delimiter = text[0];
  if (text[1] != delimiter || text[2] != delimiter) return std::nullopt;
  text.remove_prefix(3);
  const auto end = text.find(delimiter);
  if (end == text.npos) return std::nullopt;
  const auto port = number(text.substr(0, end), 65535);
  return port ? std::optional(static_cast<std::uint16_t>(*port)) : std::nullopt;
}

}  // namespace

std::string FtpReply::to_string() const { return std::to_string(code) + " " + printable(text); }

Result<std::optional<FtpReply>> parse_ftp_reply(Bytes received, std::size_t& taken) {
  const auto text = as_text(received);
  int code = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    auto line = text.substr(at, end == text.npos ? end : end - at);
    if (line.size() > kMostLine) return no_ftp(line);
    // The first octets decide, so that nothing else is waited for to the end.
    if (at == 0 && !line.empty() && (line[0] < '1' || line[0] > '5')) return no_ftp(line);
    if (end == text.npos) break;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const int found = code_of(line);
    const char behind = line.size() > 3 ? line[3] : ' ';
    if (at == 0) {
      code = found;
      if (code == 0 || (behind != ' ' && behind != '-')) return no_ftp(line);
    }
    at = end + 1;
    if (found != code || behind != ' ') continue;  // within a reply of several lines
    taken = at;
    return FtpReply{code, std::string(line.substr(std::min<std::size_t>(line.size(), 4)))};
  }
  return std::nullopt;
}

std::optional<std::uint16_t> passive_port(const FtpReply& reply) {
  auto port = reply.code == 227   ? port_of_227(reply.text)
              : reply.code == 229 ? port_of_229(reply.text)
                                  : std::nullopt;
  if (port == 0) port.reset();
  return port;
}

}  // namespace culvert::carrier
