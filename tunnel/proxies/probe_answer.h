// tunnel/proxies/probe_answer.h: what an unknown host:port is, by how it takes one HTTP request for
// the service. One connection tells all kinds apart (within 35 ms on squid 5.7, tinyproxy 1.11,
// dante 1.4.2, microsocks 1.0.3, ftp-proxy 1.9 [measured]); a SOCKS greeting first would not: HTTP
// proxies stay silent on it for minutes.
//
// The same request, sent to the service itself, shows a captive portal.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"

namespace culvert::proxies {

enum class Spoken : std::uint8_t {
  kUndecided,  // hear more
  kHttpProxy,
  kWebServer,  // HTTP, but no sign that it would pass anything on
  kSocks5,
  kSocks4,
  kSocks,  // it hung up without a word, as dante does on what is no SOCKS
  kFtp,    // greets first: an FTP proxy, or server
  kUnknown,
};
std::string_view to_string(Spoken spoken);  // for people

inline constexpr std::size_t kMostHeard = 8 * 1024;

// "GET http://service/ HTTP/1.1": what a proxy is asked; `through_proxy` false: what a server is.
std::string probe_request(const HostPort& service, bool through_proxy);

// `heard` so far; `ended`: nothing more will come. The verdict on a whole head never changes.
Spoken judge_probe(Bytes heard, bool ended);

// The portal's own address, or what it answered, for people; empty: it is the service that
// answered, or nobody can tell. `host` is the service's.
std::string find_portal(Bytes heard, std::string_view host);

}  // namespace culvert::proxies
