// tunnel/proxies/proxy_settings.h: the proxies that a person or an administrator has set, as
// environment variables or on the desktop. Reads no environment: it is given the variables.
//
// Of the environment curl's rules hold (curl(1), ENVIRONMENT): http_proxy counts in lower case only
// (a CGI program's HTTP_PROXY comes from the network), the others in either case, lower first.
//
// Between programs the settings travel as text, one "NAME=VALUE" a line.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tunnel/base/result.h"
#include "tunnel/proxies/hint.h"

namespace culvert::proxies {

struct ProxySettings {
  // "host:port" or a URL; empty: not set
  std::string http_proxy, https_proxy, all_proxy, ftp_proxy;
  std::string no_proxy;
  std::string pac_url;
  bool discover = false;  // "automatic" without a URL: ask the network (WPAD)
  bool empty() const;
  bool operator==(const ProxySettings&) const = default;
};

inline constexpr std::size_t kMostSettings = 64 * 1024;  // octets of text

// `variable` gives the value of an environment variable, nullptr if there is none.
ProxySettings from_environment(const std::function<const char*(const char*)>& variable);

std::string to_text(const ProxySettings& settings);
// The text of another program: kBadInput for what is too long, has control characters, or unknown
// names.
Result<ProxySettings> settings_from_text(std::string_view text);

// The proxies for a connection to `host`, most fitting first: https_proxy or else all_proxy, as for
// an https:// URL; then http_proxy, which may let CONNECT through as well, and ftp_proxy, which is
// mostly an HTTP proxy for ftp:// URLs. None for a host that
// no_proxy excludes. `whose` becomes part of the source: "https_proxy of the agent".
std::vector<Hint> hints_of(const ProxySettings& settings, std::string_view host,
                           std::string_view whose);

}  // namespace culvert::proxies
