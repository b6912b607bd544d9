// service/hosted_names.h: names below the service's domain behind which there is no machine but
// something that the administrator has set up at the service: conferences, telephone numbers that
// lead to a gateway, and hosts that call endpoints by TCP (RFC 4571). Does no I/O.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "resolver/virtual_name.h"
#include "service/number_plan.h"
#include "tunnel/base/address.h"

namespace culvert::service {

// Which endpoints may use it; an empty list: all that are enrolled.
using Callers = std::vector<resolver::NamePattern>;

struct ConferenceConfig {
  std::string name;  // canonical
  Callers members;
  std::size_t most_members = 32;  // flows at once, of one port
};

struct GatewayConfig {
  NumberPattern numbers;
  HostPort to;  // port 0: the one that the caller names
  Callers callers;
  bool media_by_tcp = false;  // RFC 4571
};

struct MediaConfig {       // service/media_door.h
  SocketAddress listen;    // where the hosts connect
  std::string name;        // canonical: what endpoints know them by
  std::string endpoint;    // canonical: whom they call ...
  std::uint16_t port = 0;  // ... and which of its UDP ports
  std::vector<IpPrefix> from;
  std::size_t most_callers = 8;
};

struct HostedConfig {
  const std::vector<ConferenceConfig>& conferences;
  const std::vector<GatewayConfig>& gateways;
  const std::vector<MediaConfig>& media;
};

// `domain` is canonical. kBadInput: a name is not below it, is a number of a gateway, or two things
// have it (but for two entries of media: hosts may call several ports).
Result<void> check_hosted(const HostedConfig& config, std::string_view domain);
// That no machine may have.
bool is_hosted(const HostedConfig& config, std::string_view name, std::string_view domain);

// nullptr: there is none of this (canonical) name. Whether this caller may use it is not asked.
const ConferenceConfig* find_conference(const std::vector<ConferenceConfig>& conferences,
                                        std::string_view name);
const GatewayConfig* find_gateway(const std::vector<GatewayConfig>& gateways, std::string_view name,
                                  std::string_view domain);

bool admits(const Callers& callers, std::string_view endpoint);

}  // namespace culvert::service
