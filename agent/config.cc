// Defaults, places and policies; agent/config_toml.cc reads the text.
#include "agent/config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "agent/netrc.h"
#include "resolver/address_pool.h"
#include "tunnel/base/text_file.h"

namespace culvert::agent {
namespace {

constexpr std::string_view kSystemFile = "/etc/culvert/agent.toml";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string{} : std::string(value);
}

std::string or_else(const std::string& first, const std::string& second) {
  return first.empty() ? second : first;
}

bool contains(const std::vector<std::uint16_t>& ports, std::uint16_t port) {
  return std::find(ports.begin(), ports.end(), port) != ports.end();
}

// ~/.netrc, for proxies whose URL names nobody.
Result<void> read_netrc(AgentConfig& config, const Environment& environment) {
  std::vector<carrier::Proxy*> nameless;
  const auto look_at = [&](carrier::Proxy& proxy) {
    if (!proxy.credentials) nameless.push_back(&proxy);
  };
  for (auto& proxy : config.proxies) {
    for (auto& hop : proxy.before) look_at(hop);
    look_at(proxy);
  }
  if (environment.home.empty() || nameless.empty()) return {};
  const auto path = environment.home + "/.netrc";
  const auto text = read_text_file(path);
  if (!text) return {};
  for (auto* proxy : nameless) {
    proxy->credentials = find_in_netrc(*text, proxy->at.host);
    struct stat facts {};
    if (!proxy->credentials || ::stat(path.c_str(), &facts) != 0 || (facts.st_mode & 077) == 0)
      continue;
    auto why = path + ": has the password of the proxy " + proxy->to_string();
    why += " in it, and others can read it; chmod 600 " + path;
    return fail(ErrorCode::kBadInput, std::move(why));
  }
  return {};
}

// A password in it makes the whole file a secret.
Result<void> check_secrecy(const AgentConfig& config) {
  const bool secret = std::ranges::any_of(config.proxies, &carrier::Proxy::has_credentials);
  struct stat facts {};
  if (!secret || ::stat(config.file.c_str(), &facts) != 0 || (facts.st_mode & 077) == 0) return {};
  return fail(ErrorCode::kBadInput,
              config.file + ": has a proxy's password in it, and others can read it; chmod 600 " +
                  config.file + ", or put the password into ~/.netrc");
}

}  // namespace

Environment Environment::current() {
  return {variable("HOME"),
          variable("XDG_CONFIG_HOME"),
          variable("XDG_STATE_HOME"),
          variable("XDG_RUNTIME_DIR"),
          variable("STATE_DIRECTORY"),
          variable("RUNTIME_DIRECTORY"),
          ::geteuid()};
}

bool AccessPolicy::allows(uid_t uid, uid_t own) const {
  return all || uid == own || uid == 0 || std::find(users.begin(), users.end(), uid) != users.end();
}

bool PublishPolicy::allows(std::uint16_t port) const {
  return policy != Policy::kNever && (ports.empty() || contains(ports, port)) &&
         !contains(deny_ports, port);
}

AgentConfig default_config(const Environment& environment) {
  AgentConfig config;
  config.pool = resolver::AddressPool::default_prefix();
  const bool is_service =
      !environment.service_state.empty() && !environment.service_runtime.empty();
  if (environment.uid == 0 || is_service) {
    config.state_directory = or_else(environment.service_state, "/var/lib/culvert");
    config.control_socket = or_else(environment.service_runtime, "/run/culvert") + "/agent.sock";
    return config;
  }
  config.state_directory =
      or_else(environment.state_home, environment.home + "/.local/state") + "/culvert";
  // Without a session manager there is no runtime directory; the state directory is the user's own.
  config.control_socket = environment.runtime.empty() ? config.state_directory + "/agent.sock"
                                                      : environment.runtime + "/culvert/agent.sock";
  return config;
}

std::string find_config(const Environment& environment) {
  if (environment.uid != 0 || !environment.config_home.empty()) {
    auto own =
        or_else(environment.config_home, environment.home + "/.config") + "/culvert/agent.toml";
    if (::access(own.c_str(), F_OK) == 0) return own;
  }
  return ::access(kSystemFile.data(), F_OK) == 0 ? std::string(kSystemFile) : std::string{};
}

Result<AgentConfig> load_config(const std::string& path, const Environment& environment) {
  const auto file = path.empty() ? find_config(environment) : path;
  if (file.empty()) return default_config(environment);
  const auto text = read_text_file(file);
  if (!text)
    return fail(ErrorCode::kBadInput,
                file + ": cannot be read: " + text.error().detail +
                    (path.empty() ? "; correct its permissions"
                                  : "; give an existing file to --config, or leave the option out "
                                    "to use the defaults"));
  auto config = parse_config(*text, file, environment);
  if (config) CULVERT_RETURN_IF_ERROR(check_secrecy(*config));
  if (config) CULVERT_RETURN_IF_ERROR(read_netrc(*config, environment));
  return config;
}

}  // namespace culvert::agent
