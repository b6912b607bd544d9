// tunnel/proxies/desktop_settings.h: the proxies that GNOME and KDE keep for their user, from what
// their tools print or write. Starts no tool and reads no file: that is the caller's.
#pragma once
#include <string_view>

#include "tunnel/proxies/proxy_settings.h"

namespace culvert::proxies {

// What `gsettings list-recursively org.gnome.system.proxy` prints. Nothing set: mode 'none', or not
// that output.
ProxySettings from_gsettings(std::string_view printed);

// The file ~/.config/kioslaverc ([Proxy Settings]). ProxyType 4 names environment variables, which
// are read by from_environment() anyway.
ProxySettings from_kioslaverc(std::string_view file);

}  // namespace culvert::proxies
