// agent/enclosure_files.h: how an enclosed program finds names: a resolv.conf and an nsswitch.conf
// of its own, bound over the machine's in its mount namespace alone.
#pragma once
#include <string>
#include <string_view>

#include "tunnel/base/address.h"

namespace culvert::agent {

// The texts, from the machine's. Other lines (search, options, other databases) stay.
std::string enclosed_resolver(std::string_view text, const IpAddress& name_server);
// Host names come from the file and DNS alone: services that ask somebody by a socket (nscd,
// systemd-resolved, mDNS) would go around the enclosure.
std::string enclosed_services(std::string_view text);

// In the calling process's mount namespace, which must be its own.
Result<void> show_enclosure_files(const IpAddress& name_server);

}  // namespace culvert::agent
