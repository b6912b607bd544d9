// agent/proxy_sources.h: where proxies may be looked for, besides those that were configured.
#pragma once
#include <string>
#include <vector>

#include "agent/config.h"
#include "tunnel/proxies/proxy_settings.h"

namespace culvert::agent {

struct ProxySources {
  struct Settings {
    proxies::ProxySettings settings;
    std::string whose;  // "the agent"
  };
  std::vector<Settings> settings;
  std::string pac_url;
  bool ask_desktop = false;
  bool ask_network = true;
  bool wanted() const { return ask_network || !settings.empty() || !pac_url.empty(); }
};

// With this process's environment, and KDE's settings of its user. Whoever names a proxy or a
// script in the configuration means those, as in every browser: then nobody else is asked.
ProxySources proxy_sources(const AgentConfig& config, const std::string& whose);

}  // namespace culvert::agent
