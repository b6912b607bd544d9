// agent/own_proxy_settings.h: what this process sees of its user's proxy settings: its environment,
// and KDE's file. (GNOME's take a program, and time: desktop_asker.h.)
#pragma once
#include <string>
#include <vector>

#include "tunnel/proxies/proxy_settings.h"

namespace culvert::agent {

struct NamedSettings {
  proxies::ProxySettings settings;
  std::string whose;  // "the agent"
};

std::vector<NamedSettings> own_proxy_settings(const std::string& whose);

}  // namespace culvert::agent
