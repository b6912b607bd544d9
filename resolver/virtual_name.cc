#include "resolver/virtual_name.h"

#include <algorithm>

#include "tunnel/base/text.h"

namespace culvert::resolver {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Empty if the label is in order.
std::string_view fault_of_label(std::string_view label) {
  if (label.empty()) return "has an empty label";
  if (label.size() > kMaxLabelSize) return "has a label of more than 63 characters";
  if (label.front() == '-' || label.back() == '-')
    return "has a label that starts or ends with '-'";
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
  };
  if (!std::all_of(label.begin(), label.end(), [](char c) { return (c & 0x80) == 0; }))
    return "has a character that is not ASCII: write it in its ASCII form, xn--... (RFC 5890)";
  if (!std::all_of(label.begin(), label.end(), allowed))
    return "has a character other than letters, digits, '-', '_' and '.'";
  return {};
}

// A person or a program wrote it: control characters must not reach a terminal through us.
std::string shown(std::string_view text) {
  std::string out(text.substr(0, 80));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text.size() > 80 ? out + "..." : out;
}

}  // namespace

Result<std::string> canonical_name(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(ErrorCode::kBadInput, "'" + shown(text) + "' " + std::string(why));
  };
  auto name = text;
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  if (name.empty()) return bad("is not a host name: it is empty");
  if (name.size() > kMaxNameSize) return bad("is longer than 253 characters");
  std::string canonical(name);
  std::transform(canonical.begin(), canonical.end(), canonical.begin(), ascii_lower);
  std::string_view label, rest = canonical;
  while (!rest.empty() || label.empty()) {
    const auto dot = rest.find('.');
    label = rest.substr(0, dot);
    if (const auto fault = fault_of_label(label); !fault.empty()) return bad(fault);
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
    if (rest.empty()) return bad("has an empty label");
  }
  if (std::all_of(label.begin(), label.end(), is_digit))  // RFC 3696 section 2
    return bad("is not a host name: its last label is a number, as in an address");
  return canonical;
}

bool is_below(std::string_view name, std::string_view suffix) {
  if (suffix.empty() || name == suffix) return true;
  return name.size() > suffix.size() && name.ends_with(suffix) &&
         name[name.size() - suffix.size() - 1] == '.';
}

Result<NamePattern> NamePattern::parse(std::string_view text) {
  NamePattern pattern;
  if (text == "*") {
    pattern.below_ = true;
    return pattern;
  }
  auto name = text;
  if (name.starts_with("*.")) {
    pattern.below_ = true;
    name.remove_prefix(2);
  }
  if (name.find('*') != std::string_view::npos)
    return fail(ErrorCode::kBadInput, "'" + shown(text) +
                                          "' has a '*' elsewhere than in front: write "
                                          "*.example.org for every name below example.org");
  auto canonical = canonical_name(name);
  if (!canonical) return fail(std::move(canonical.error()));
  pattern.name_ = std::move(*canonical);
  return pattern;
}

bool NamePattern::matches(std::string_view canonical) const {
  if (!below_) return canonical == name_;
  return canonical != name_ && is_below(canonical, name_);
}

}  // namespace culvert::resolver
