// agent/keyring.h: who we are to a proxy, in the kernel's keyring of this process's user
// (keyrings(7)), where `culvert proxy-login` puts it: in no file, and gone with the next start of
// the machine. Other users, but root, do not read it.
#pragma once
#include <optional>
#include <string>

#include "tunnel/base/address.h"
#include "tunnel/base/result.h"
#include "tunnel/carrier/proxy.h"

namespace culvert::agent {

std::optional<carrier::ProxyCredentials> find_in_keyring(const HostPort& proxy);
// `user` may be "DOMAIN\user". Instead of what is there.
Result<void> keep_in_keyring(const HostPort& proxy, const std::string& user,
                             const std::string& password);
Result<bool> remove_from_keyring(const HostPort& proxy);  // whether it was there

}  // namespace culvert::agent
