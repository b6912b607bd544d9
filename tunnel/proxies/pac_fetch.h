// tunnel/proxies/pac_fetch.h: gets a PAC script from where somebody says it is. Blocking, by
// libcurl: only in the worker process.
#pragma once
#include <string>

#include "tunnel/base/result.h"
#include "tunnel/base/time.h"

namespace culvert::proxies {

inline constexpr std::size_t kMostPacScript = 1u << 20;  // octets

// http, https (verified against the system's roots), file; at most three redirects, never from
// http to file; never through a proxy. kBadInput: the URL cannot be one. kIo: everything else.
Result<std::string> fetch_pac_script(const std::string& url, Duration limit);

}  // namespace culvert::proxies
