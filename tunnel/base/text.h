// tunnel/base/text.h: what readers of protocols and files do with text. ASCII alone, whatever the
// locale.
#pragma once
#include <algorithm>
#include <charconv>
#include <string_view>

namespace culvert {

constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline bool same_ignoring_case(std::string_view one, std::string_view other) {
  return std::ranges::equal(one, other, {}, ascii_lower, ascii_lower);
}

// Without any of `octets` at its ends.
inline std::string_view trimmed(std::string_view text, std::string_view octets = " \t") {
  const auto first = text.find_first_not_of(octets);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(octets) - first + 1);
}

// A decimal number that is the whole text: no sign but a minus of signed types, no space.
template <class Number>
bool parse_number(std::string_view text, Number& out) {
  const auto* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, out);
  return error == std::errc{} && stopped == end;
}

}  // namespace culvert
