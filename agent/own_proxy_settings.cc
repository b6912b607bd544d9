#include "agent/own_proxy_settings.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "tunnel/proxies/desktop_settings.h"

namespace culvert::agent {

std::vector<NamedSettings> own_proxy_settings(const std::string& whose) {
  std::vector<NamedSettings> out;
  auto settings = proxies::from_environment([](const char* name) { return std::getenv(name); });
  if (!settings.empty()) out.push_back({std::move(settings), whose});
  const char* home = std::getenv("HOME");
  if (::geteuid() == 0 || home == nullptr) return out;  // root has no desktop
  std::ifstream file(std::string(home) + "/.config/kioslaverc");
  std::string text(proxies::kMostSettings, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (auto of_kde = proxies::from_kioslaverc(text); !of_kde.empty())
    out.push_back({std::move(of_kde), "the desktop (KDE)"});
  return out;
}

}  // namespace culvert::agent
