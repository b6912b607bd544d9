// agent/config.h: what the agent is told by its configuration file (TOML), and every default.
//
// Reads the file and nothing else: no socket is opened, no name is looked up but those of local
// users. Errors are kBadInput with "file:line:column: what is wrong; what to do".
#pragma once
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "agent/protocol.h"
#include "resolver/virtual_name.h"
#include "tunnel/base/address.h"
#include "tunnel/base/log.h"
#include "tunnel/carrier/proxy.h"

namespace culvert::agent {

// Where files belong for this user; the only place that reads these variables.
struct Environment {
  std::string home;                            // $HOME
  std::string config_home;                     // $XDG_CONFIG_HOME
  std::string state_home;                      // $XDG_STATE_HOME
  std::string runtime;                         // $XDG_RUNTIME_DIR
  std::string service_state, service_runtime;  // $STATE_DIRECTORY, $RUNTIME_DIRECTORY (systemd)
  uid_t uid = 0;
  static Environment current();
};

struct AccessPolicy {
  bool all = false;          // any user of this machine
  std::vector<uid_t> users;  // besides the agent's own user and root
  bool allows(uid_t uid, uid_t own) const;
};

struct PublishPolicy {
  enum class Policy : std::uint8_t { kNever, kAlways, kAsk };
  Policy policy = Policy::kNever;    // listeners of programs under `culvert run` are published ...
  std::vector<std::uint16_t> ports;  // ... only on these ports; none: on every port
  std::vector<std::uint16_t> deny_ports;
  // Hosts without an endpoint that the service may let call UDP ports; whose word is all there is.
  std::vector<resolver::NamePattern> media_callers;
  bool allows(std::uint16_t port) const;  // with kAsk: if it is answered so
};

struct ListenEntry {  // a program that runs without the shim
  std::uint16_t port = 0;
  SocketAddress to;
  Protocol protocol = Protocol::kTcp;
};

enum class Forwarding : std::uint8_t {
  kNever,
  kAlways,
  kAfterDirect,  // only when a direct attempt has failed
};

struct ForwardRule {  // ordinary hosts that are reached through the service
  std::vector<resolver::NamePattern> domains, exclude;
  std::vector<IpPrefix> addresses, exclude_addresses;
  Forwarding when = Forwarding::kAlways;
};

struct OutsideRule {  // ... and all hosts that are not internal
  Forwarding forward = Forwarding::kNever;
  std::vector<resolver::NamePattern> internal_domains;
  std::vector<IpPrefix> internal_addresses;
  bool discover = true;  // this machine's own subnets and search domains are internal too
};

inline constexpr std::size_t kMostPrefixes = 64;  // in a configuration: every program has them

struct DirectPolicy {  // paths to other endpoints beside the relay
  bool enabled = true;
  std::uint16_t port = 0;  // of the listener for them; 0: the kernel chooses
  bool lan = true;         // private addresses, to peers behind the same NAT
  bool map_port = true;    // the gateway is asked to let connections in to that port
  bool port_443 = true;    // is taken for seconds, where no other one leads out
  // At the barrier, that a search by chance may take at a time; 0: there is no such search.
  std::size_t mappings = 200;
};

struct AgentConfig {
  std::string file;  // empty: there was none, all defaults
  std::string state_directory;
  std::string control_socket;
  IpPrefix pool;
  log::Level log_level = log::Level::kInfo;
  std::string via = "auto";             // or the name of a recipe
  std::optional<HostPort> service;      // instead of the address learnt at enrolment
  std::uint16_t tls_port = 0;           // of recipes with TLS; 0: the service's port
  std::vector<carrier::Proxy> proxies;  // in order of preference
  std::string proxy_ca;                 // PEM file, besides the system's; for https:// proxies
  std::string pac_url;                  // of a script that names proxies
  bool find_proxies = true;             // in the environment, and by asking the network
  bool serve_names = true;  // a name server for programs with resolvers of their own ...
  std::optional<SocketAddress> name_server;  // ... there; none: a free address of the pool
  std::chrono::seconds resume{300};  // how long a session waits for another carrier; 0: not at all
  AccessPolicy access;
  AccessPolicy proxies_of;  // whose programs may name proxies (user_proxies.h)
  PublishPolicy publish;
  DirectPolicy direct;
  std::vector<ListenEntry> listen;
  std::vector<ForwardRule> forward;
  OutsideRule outside;
};

AgentConfig default_config(const Environment& environment);

// The file to use when none is given: $XDG_CONFIG_HOME/culvert/agent.toml or
// ~/.config/culvert/agent.toml (not for root), else /etc/culvert/agent.toml; empty if neither is
// there, which is no error.
std::string find_config(const Environment& environment);

// `path` empty: find_config(), and the defaults if there is none.
Result<AgentConfig> load_config(const std::string& path, const Environment& environment);
// `file` for messages; relative paths in the text are taken from its directory.
Result<AgentConfig> parse_config(std::string_view text, const std::string& file,
                                 const Environment& environment);

}  // namespace culvert::agent
