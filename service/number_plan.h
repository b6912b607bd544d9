// service/number_plan.h: telephone numbers as host names (E.164: at most 15 digits, country code
// first), and patterns of them. "4930123456.example.net" is the number +49 30 123456 if the
// service's domain is example.net. Knows nothing of what stands behind a number.
#pragma once
#include <compare>
#include <string>
#include <string_view>

#include "tunnel/base/result.h"

namespace culvert::service {

// The number that a canonical name directly below `domain` is; empty if it is none. Shorter ones
// than three digits are left to machines.
std::string_view number_of(std::string_view name, std::string_view domain);

// "+4930*": what begins so; "+49301234xx": with two digits more. A number that several patterns
// match belongs to the one that leaves least open.
class NumberPattern {
 public:
  static Result<NumberPattern> parse(std::string_view text);  // kBadInput: what is wrong with it
  bool matches(std::string_view digits) const;
  bool leaves_less_open_than(const NumberPattern& other) const;
  std::string to_string() const { return "+" + digits_ + (open_ ? "*" : ""); }

 private:
  std::string digits_;  // '0' to '9', and 'x' for any of them
  bool open_ = false;   // any further digits may follow
};

}  // namespace culvert::service
