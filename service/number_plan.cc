#include "service/number_plan.h"

#include <algorithm>

namespace culvert::service {
namespace {

constexpr std::size_t kFewestDigits = 3, kMostDigits = 15;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string_view number_of(std::string_view name, std::string_view domain) {
  const auto label = name.substr(0, name.find('.'));
  if (label.size() < kFewestDigits || label.size() > kMostDigits) return {};
  if (name.size() == label.size() || name.substr(label.size() + 1) != domain) return {};
  return std::ranges::all_of(label, is_digit) ? label : std::string_view{};
}

Result<NumberPattern> NumberPattern::parse(std::string_view text) {
  NumberPattern pattern;
  auto rest = text;
  if (rest.starts_with('+')) rest.remove_prefix(1);
  if (rest.ends_with('*')) {
    pattern.open_ = true;
    rest.remove_suffix(1);
  }
  pattern.digits_ = rest;
  if (!std::ranges::all_of(rest, [](char c) { return is_digit(c) || c == 'x'; }))
    return fail(ErrorCode::kBadInput,
                "'" + std::string(text) +
                    "' is no pattern of telephone numbers; write digits, x for any digit, and * at "
                    "the end for any more, such as \"+4930*\"");
  if (rest.size() > kMostDigits || (!pattern.open_ && rest.size() < kFewestDigits))
    return fail(ErrorCode::kBadInput, "'" + std::string(text) + "' has " +
                                          std::to_string(rest.size()) +
                                          " digits; numbers have 3 to 15, the country code first");
  return pattern;
}

bool NumberPattern::matches(std::string_view digits) const {
  if (open_ ? digits.size() < digits_.size() : digits.size() != digits_.size()) return false;
  return std::equal(digits_.begin(), digits_.end(), digits.begin(),
                    [](char wanted, char digit) { return wanted == 'x' || wanted == digit; });
}

bool NumberPattern::leaves_less_open_than(const NumberPattern& other) const {
  const auto fixed = [](const NumberPattern& pattern) {
    return std::ranges::count_if(pattern.digits_, is_digit);
  };
  if (fixed(*this) != fixed(other)) return fixed(*this) > fixed(other);
  return other.open_ && (!open_ || digits_.size() > other.digits_.size());
}

}  // namespace culvert::service
