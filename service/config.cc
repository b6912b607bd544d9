// Files and defaults; service/config_toml.cc reads the text.
#include "service/config.h"

#include "tunnel/base/text_file.h"

namespace culvert::service {

std::vector<SocketAddress> DiscoveryConfig::servers() const {
  std::vector<SocketAddress> all;
  for (const auto& address : advertised.empty() ? addresses : advertised)
    for (const auto port : ports) all.push_back({address, port});
  return all;
}

Result<HostPort> Config::invitation_address() const {
  if (public_address) return *public_address;
  for (const auto& address : listen) {
    if (!address.ip.is_unspecified() && address.port != 0)
      return HostPort{address.ip.to_string(), address.port};
  }
  return fail(ErrorCode::kBadInput,
              "an invitation must say where the service is, and \"listen\" names every address; "
              "set public_address = \"host:port\" in the configuration, or give --address");
}

Result<Config> load_config(const std::string& path) {
  const auto text = read_text_file(path);
  if (!text)
    return fail(ErrorCode::kBadInput,
                path + ": cannot be read: " + text.error().detail +
                    "; give the service's configuration file to --config (README.md has a "
                    "complete example)");
  return parse_config(*text, path);
}

}  // namespace culvert::service
