#include "tunnel/proxies/no_proxy.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "tunnel/base/address.h"
#include "tunnel/base/text.h"

namespace culvert::proxies {
namespace {

constexpr std::string_view kSeparators = ", \t";

std::string_view without_final_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

bool excludes_name(std::string_view item, std::string_view host) {
  item = without_final_dot(item);
  if (item.starts_with('.')) item.remove_prefix(1);
  if (item.empty() || item.size() > host.size()) return false;
  const auto tail = host.substr(host.size() - item.size());
  if (!same_ignoring_case(item, tail)) return false;
  return item.size() == host.size() || host[host.size() - item.size() - 1] == '.';
}

// "/0" is what curl takes for a plain address, too.
bool excludes_address(std::string_view item, const IpAddress& host) {
  const auto slash = item.find('/');
  auto text = item.substr(0, slash);
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  const auto address = IpAddress::parse(text);
  if (!address || address->is_v4() != host.is_v4()) return false;
  unsigned bits = 0;
  if (slash != std::string_view::npos) {
    auto digits = item.substr(slash + 1);
    if (digits.starts_with('-')) return false;
    if (digits.starts_with('+')) digits.remove_prefix(1);
    if (std::from_chars(digits.data(), digits.data() + digits.size(), bits).ec != std::errc{})
      bits = 0;
  }
  if (bits > host.bit_count()) return false;
  if (bits == 0) return *address == host;
  return IpPrefix{*address, bits}.contains(host);
}

}  // namespace

bool is_excluded(std::string_view no_proxy, std::string_view host) {
  if (no_proxy == "*") return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  host = without_final_dot(host);
  if (host.empty()) return false;
  while (!no_proxy.empty()) {
    const auto begin = no_proxy.find_first_not_of(kSeparators);
    if (begin == std::string_view::npos) return false;
    no_proxy.remove_prefix(begin);
    const auto item = no_proxy.substr(0, no_proxy.find_first_of(kSeparators));
    no_proxy.remove_prefix(item.size());
    if (address ? excludes_address(item, *address) : excludes_name(item, host)) return true;
  }
  return false;
}

}  // namespace culvert::proxies
