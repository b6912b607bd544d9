// agent/netrc.h: ~/.netrc, where users keep passwords by host; for proxies whose URL names none.
// The format of ftp(1) and curl: machine, default, login, password, account, macdef, "quotes".
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "tunnel/carrier/proxy.h"

namespace culvert::agent {

// The first entry of this host with a login, or the default one. Nothing if the text breaks off.
std::optional<carrier::ProxyCredentials> find_in_netrc(std::string_view text,
                                                       std::string_view host);

// `login` may be "DOMAIN\user".
carrier::ProxyCredentials credentials_of(const std::string& login, const std::string& password);

}  // namespace culvert::agent
