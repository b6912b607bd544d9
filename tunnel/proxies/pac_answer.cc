#include "tunnel/proxies/pac_answer.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "tunnel/base/address.h"

namespace culvert::proxies {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\f\v";

struct Type {
  std::string_view word, scheme;
  std::uint16_t port;
};
constexpr std::array kTypes{Type{"PROXY", "http", 80},      Type{"HTTP", "http", 80},
                            Type{"HTTPS", "https", 443},    Type{"SOCKS", "socks5", 1080},
                            Type{"SOCKS5", "socks5", 1080}, Type{"SOCKS4", "socks4", 1080}};

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_place(char c) {
  return is_word(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
}

const Type* find_type(std::string_view word) {
  const auto same = [word](const Type& type) {
    return std::equal(word.begin(), word.end(), type.word.begin(), type.word.end(),
                      [](char a, char b) { return upper(a) == b; });
  };
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(), same);
  return found == kTypes.end() ? nullptr : found;
}

std::optional<HostPort> parse_place(std::string_view text, std::uint16_t default_port) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_place)) return std::nullopt;
  auto place = HostPort::parse(text, default_port);
  if (!place || place->host.empty() || place->host.size() > 253 || place->port == 0)
    return std::nullopt;
  return std::move(*place);
}

void add(std::vector<std::string>& urls, std::string_view scheme, const HostPort& place) {
  auto url = std::string(scheme) + "://" + place.to_string();
  if (urls.size() < kMostPacProxies && std::find(urls.begin(), urls.end(), url) == urls.end())
    urls.push_back(std::move(url));
}

void add(std::vector<std::string>& urls, const Type& type, const HostPort& place) {
  add(urls, type.scheme, place);
  if (type.word == "SOCKS") add(urls, "socks4", place);
}

std::string_view take_word(std::string_view& text, std::string_view separators) {
  text.remove_prefix(std::min(text.find_first_not_of(separators), text.size()));
  const auto word = text.substr(0, text.find_first_of(separators));
  text.remove_prefix(word.size());
  return word;
}

}  // namespace

PacAnswer parse_pac_answer(std::string_view text) {
  PacAnswer answer;
  while (!text.empty()) {
    auto element = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(element.size() + 1, text.size()));
    const auto word = take_word(element, kBlanks);
    if (word.size() == 6 && std::equal(word.begin(), word.end(), "DIRECT",
                                       [](char a, char b) { return upper(a) == b; }))
      answer.direct = true;
    const auto* type = find_type(word);
    if (type == nullptr) continue;
    if (const auto place = parse_place(take_word(element, kBlanks), type->port))
      add(answer.urls, *type, *place);
  }
  if (answer.urls.empty()) answer.direct = true;
  return answer;
}

std::vector<std::string> find_pac_literals(std::string_view script) {
  std::vector<std::string> urls;
  for (std::size_t at = 0; at < script.size() && urls.size() < kMostPacProxies;) {
    if (!is_word(script[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < script.size() && is_word(script[end])) ++end;
    const auto* type = find_type(script.substr(at, end - at));
    const bool alone = at == 0 || (script[at - 1] != '_' && script[at - 1] != '.');
    at = end;
    if (type == nullptr || !alone) continue;
    auto begin = script.find_first_not_of(" \t", at);
    if (begin == std::string_view::npos || begin == at) continue;
    end = begin;
    while (end < script.size() && is_place(script[end])) ++end;
    if (const auto place = parse_place(script.substr(begin, end - begin), 0))
      add(urls, *type, *place);
  }
  return urls;
}

}  // namespace culvert::proxies
