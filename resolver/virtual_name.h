// resolver/virtual_name.h: host names in the one form that Culvert compares and stores.
//
// Canonical: lower case, no trailing dot, 1 to 253 octets, labels of 1 to 63 octets from letters,
// digits, '-' and '_' that neither start nor end with '-' (RFC 1123 section 2.1; the underscore
// because real names use it). Knows no addresses and asks nobody.
#pragma once
#include <string>
#include <string_view>

#include "tunnel/base/result.h"

namespace culvert::resolver {

inline constexpr std::size_t kMaxNameSize = 253;  // RFC 1035 section 3.1, as text
inline constexpr std::size_t kMaxLabelSize = 63;

Result<std::string> canonical_name(std::string_view text);  // kBadInput with the reason

// Both canonical. A name is below itself; every name is below the empty suffix.
bool is_below(std::string_view name, std::string_view suffix);

// "web.example.org" (that name alone), "*.example.org" (every name below it, not itself) or "*"
// (every name). Nothing else is special: a pattern takes linear time whatever it is.
class NamePattern {
 public:
  static Result<NamePattern> parse(std::string_view text);  // folds case as names do
  bool matches(std::string_view canonical) const;
  std::string to_string() const { return below_ ? (name_.empty() ? "*" : "*." + name_) : name_; }

 private:
  std::string name_;
  bool below_ = false;
};

}  // namespace culvert::resolver
