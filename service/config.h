// service/config.h: what the service is told by its configuration file (TOML), and every default.
//
// Reads files and nothing else: no socket is opened, no name looked up. Errors are kBadInput with
// "file:line:column: what is wrong; what to do".
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "service/hosted_names.h"
#include "tunnel/base/address.h"
#include "tunnel/base/log.h"
#include "tunnel/base/time.h"

namespace culvert::service {

struct TlsFiles {  // both empty: a self-signed certificate, made once in the state directory
  std::string certificate;
  std::string key;
};

struct Forwarding {
  bool enabled = true;
  std::vector<IpPrefix> allow;  // opened in addition to the public Internet (service/guard.h)
  std::vector<IpPrefix> deny;   // closed, whatever else says otherwise
  std::vector<IpPrefix> media_by_tcp;  // hosts that take RTP by TCP alone (RFC 4571)
};

struct DiscoveryConfig {                         // STUN; off without addresses
  std::vector<IpAddress> addresses;              // of this machine: one, or two for whole answers
  std::vector<IpAddress> advertised;             // as clients reach these; empty: the same
  std::vector<std::uint16_t> ports{3478, 3479};  // one or two
  // As clients reach them: first address with each port, second address with each port.
  std::vector<SocketAddress> servers() const;
};

struct Limits {
  std::size_t unauthenticated = 2048;            // connections before login, in all
  std::size_t unauthenticated_per_address = 64;  // ... from one IPv4 address or IPv6 /64
  std::chrono::seconds handshake{10};            // from accept to a complete hello
  std::size_t sessions = 50'000;
  std::size_t streams_per_session = 8192;     // forwarded connections
  std::size_t udp_flows_per_session = 1024;   // forwarded ones; more are refused
  std::size_t datagrams_per_second = 20'000;  // forwarded, of an endpoint: any more are dropped
  std::size_t datagram_kilobytes_per_second = 50'000;
  std::size_t lookups_per_session = 256;    // waiting for the DNS at once
  std::size_t circuits_per_endpoint = 512;  // called and answered ones, joined or waiting
  std::chrono::seconds circuit_answer{10};  // for the endpoint called to answer
  std::chrono::seconds connect{60};         // for a forwarded connection to be made
  std::chrono::seconds resume{300};  // a session without a carrier, and what it has open, is kept
};

struct Config {
  std::string domain;  // canonical
  std::vector<SocketAddress> listen{{IpAddress::v4(0), 443}};
  std::optional<HostPort> public_address;
  bool ftp = true;  // is an FTP server to those who wait to be greeted
  // For the data connections of pairs of files; 0: any port that is free.
  std::uint16_t ftp_first_data_port = 0, ftp_last_data_port = 0;
  std::string state_directory = "/var/lib/culvert-service";
  log::Level log_level = log::Level::kInfo;
  std::optional<std::size_t> threads;       // none: LoopThreads::default_count()
  std::chrono::days certificate_life{365};  // of name certificates
  TlsFiles tls;
  Forwarding forwarding;
  DiscoveryConfig discovery;
  std::vector<ConferenceConfig> conferences;
  std::vector<GatewayConfig> gateways;
  std::vector<MediaConfig> media;
  Limits limits;

  HostedConfig hosted() const { return {conferences, gateways, media}; }

  // What goes into invitations: public_address, or the first listening address that others can
  // reach as it stands. kBadInput: neither is there.
  Result<HostPort> invitation_address() const;
};

Result<Config> load_config(const std::string& path);
// `file` for messages; relative paths in the text are taken from its directory.
Result<Config> parse_config(std::string_view text, const std::string& file);

}  // namespace culvert::service
