// tunnel/proxies/no_proxy.h: whether a no_proxy list excludes a host, by the rules of curl 7.88
// (lib/noproxy.c), which most programs of a Debian 12 machine follow.
//
//   - items are separated by commas or blanks; "*" alone excludes every host
//   - a name excludes itself and what lies below it; a leading dot and a final dot mean nothing
//   - an address excludes itself, "10.0.0.0/8" a prefix, but only hosts given as addresses
//   - nothing has a port: "host:443" excludes nobody
//
// For IPv6 what its manual says, and its later versions do: 7.88 itself compares such hosts letter
// by letter.
#pragma once
#include <string_view>

namespace culvert::proxies {

// `host` is a name or an address, IPv6 with or without brackets.
bool is_excluded(std::string_view no_proxy, std::string_view host);

}  // namespace culvert::proxies
