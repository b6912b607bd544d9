// agent/proxy_sources.h: where proxies may be looked for, besides those that were configured,
// and those.
#pragma once
#include <string>
#include <vector>

#include "agent/config.h"
#include "agent/own_proxy_settings.h"
#include "tunnel/carrier/proxy.h"
#include "tunnel/proxies/hint.h"

namespace culvert::agent {

struct ProxySources {
  std::vector<NamedSettings> settings;
  std::vector<carrier::Proxy>
      configured;                       // are ways already; whether they are what they are called
  std::vector<proxies::Hint> of_users;  // user_proxies.h; those that are trusted first
  std::string pac_url;
  bool ask_desktop = false;
  bool ask_network = true;
  bool wanted() const {
    return ask_network || !settings.empty() || !of_users.empty() || !pac_url.empty();
  }
  bool worth_asking() const { return wanted() || !configured.empty(); }
};

// With this process's environment, and KDE's settings of its user. Whoever names a proxy or a
// script in the configuration means those, as in every browser: then nobody else is asked.
ProxySources proxy_sources(const AgentConfig& config, const std::string& whose);

}  // namespace culvert::agent
