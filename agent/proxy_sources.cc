#include "agent/proxy_sources.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "tunnel/proxies/desktop_settings.h"

namespace culvert::agent {

ProxySources proxy_sources(const AgentConfig& config, const std::string& whose) {
  ProxySources sources;
  sources.pac_url = config.pac_url;
  sources.ask_network = config.find_proxies && config.proxies.empty() && config.pac_url.empty();
  if (!sources.ask_network) return sources;
  auto settings = proxies::from_environment([](const char* name) { return std::getenv(name); });
  if (!settings.empty()) sources.settings.push_back({std::move(settings), whose});
  const char* home = std::getenv("HOME");
  if (::geteuid() == 0 || home == nullptr) return sources;  // root has no desktop
  sources.ask_desktop = true;
  std::ifstream file(std::string(home) + "/.config/kioslaverc");
  std::string text(proxies::kMostSettings, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (auto of_kde = proxies::from_kioslaverc(text); !of_kde.empty())
    sources.settings.push_back({std::move(of_kde), "the desktop (KDE)"});
  return sources;
}

}  // namespace culvert::agent
