#include "tunnel/proxies/probe_answer.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "tunnel/base/text.h"

namespace culvert::proxies {
namespace {

bool starts_with(std::string_view line, std::string_view lower_case) {
  return same_ignoring_case(line.substr(0, lower_case.size()), lower_case);
}

struct Head {
  int status = 0;
  std::string_view fields;  // lines
};

// nullopt: not complete. Status 0: no such head.
std::optional<Head> read_head(std::string_view heard, bool ended) {
  auto end = heard.find("\r\n\r\n");
  if (end == std::string_view::npos) end = heard.find("\n\n");
  if (end == std::string_view::npos) {
    if (!ended && heard.size() < kMostHeard) return std::nullopt;
    end = heard.size();
  }
  const auto head = heard.substr(0, end);
  const auto line = head.substr(0, head.find('\n'));
  Head out;
  const auto blank = line.find(' ');
  if (blank != std::string_view::npos && line.size() >= blank + 4)
    std::from_chars(line.data() + blank + 1, line.data() + blank + 4, out.status);
  out.fields = head.substr(std::min(line.size() + 1, head.size()));
  return out;
}

template <class Take>
void each_field(std::string_view fields, Take take) {
  while (!fields.empty()) {
    auto line = fields.substr(0, fields.find('\n'));
    fields.remove_prefix(std::min(line.size() + 1, fields.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    take(line);
  }
}

bool is_of_a_proxy(const Head& head) {
  bool sign = head.status == 407 || head.status == 403 || head.status == 502 ||
              head.status == 503 || head.status == 504;
  each_field(head.fields, [&](std::string_view line) {
    for (const std::string_view name : {"via:", "proxy-", "x-squid", "x-cache"})
      sign |= starts_with(line, name);
  });
  return sign;
}

std::string value_of(std::string_view fields, std::string_view name) {
  std::string value;
  each_field(fields, [&](std::string_view line) {
    if (!starts_with(line, name)) return;
    line.remove_prefix(name.size());
    value = line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
  });
  return value.size() > 512 ? std::string{} : value;
}

std::string_view host_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};  // relative: the same host
  url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const auto at = url.rfind('@'); at != std::string_view::npos) url.remove_prefix(at + 1);
  if (url.starts_with('[')) return url.substr(1, url.find(']') - 1);
  return url.substr(0, url.find(':'));
}

}  // namespace

std::string_view to_string(Spoken spoken) {
  switch (spoken) {
    case Spoken::kUndecided: return "says nothing";
    case Spoken::kHttpProxy: return "an HTTP proxy";
    case Spoken::kWebServer: return "a web server";
    case Spoken::kSocks5: return "a SOCKS5 proxy";
    case Spoken::kSocks4: return "a SOCKS4 proxy";
    case Spoken::kSocks: return "perhaps a SOCKS proxy";
    case Spoken::kFtp: return "an FTP proxy or server";
    case Spoken::kUnknown: return "something unknown";
  }
  return "something unknown";
}

std::string probe_request(const HostPort& service, bool through_proxy) {
  const auto host = service.to_string();
  return "GET " + (through_proxy ? "http://" + host + "/" : std::string("/")) +
         " HTTP/1.1\r\nHost: " + host + "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";
}

Spoken judge_probe(Bytes heard, bool ended) {
  const auto text = as_text(heard);
  if (text.empty()) return ended ? Spoken::kSocks : Spoken::kUndecided;
  if (text[0] == '\x05') return Spoken::kSocks5;
  if (text[0] == '\0') {
    if (text.size() < 2) return ended ? Spoken::kUnknown : Spoken::kUndecided;
    return text[1] >= 0x5a && text[1] <= 0x5d ? Spoken::kSocks4 : Spoken::kUnknown;
  }
  const auto is_prefix = [&](std::string_view of) {
    return text.substr(0, of.size()) == of.substr(0, text.size());
  };
  if (is_prefix("220"))
    return text.size() >= 3 ? Spoken::kFtp : ended ? Spoken::kUnknown : Spoken::kUndecided;
  if (!is_prefix("HTTP/")) return Spoken::kUnknown;
  const auto head = read_head(text, ended);
  if (!head) return Spoken::kUndecided;
  if (head->status < 100) return Spoken::kUnknown;
  return is_of_a_proxy(*head) ? Spoken::kHttpProxy : Spoken::kWebServer;
}

std::string find_portal(Bytes heard, std::string_view host) {
  const auto text = as_text(heard);
  if (!text.starts_with("HTTP/")) return {};
  const auto head = read_head(text, /*ended=*/true);
  auto to = value_of(head->fields, "location:");
  if (head->status == 511) return to.empty() ? "status 511" : to;
  if (head->status >= 300 && head->status < 400 && !host_of(to).empty() &&
      !same_ignoring_case(host_of(to), host))
    return to;
  // The service's own page (service/web_page.cc) says this; a portal's login page does not.
  if (head->status == 200 && text.find("It works") == std::string_view::npos)
    return "a page of its own";
  return {};
}

}  // namespace culvert::proxies
