#include "agent/proxy_sources.h"

#include <unistd.h>

#include <cstdlib>

namespace culvert::agent {

ProxySources proxy_sources(const AgentConfig& config, const std::string& whose) {
  ProxySources sources;
  sources.pac_url = config.pac_url;
  sources.configured = config.proxies;
  sources.ask_network = config.find_proxies && config.proxies.empty() && config.pac_url.empty();
  if (!sources.ask_network) return sources;
  sources.settings = own_proxy_settings(whose);
  sources.ask_desktop = ::geteuid() != 0 && std::getenv("HOME") != nullptr;
  return sources;
}

}  // namespace culvert::agent
