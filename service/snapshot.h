// service/snapshot.h: what the service leaves to its next process: its listening sockets, the
// sessions of its endpoints, their forwarded connections. Circuits are not in it: the endpoints
// resume what is inside over another one.
#pragma once
#include <string>
#include <vector>

#include "service/login.h"
#include "tunnel/flow/flow_snapshot.h"
#include "tunnel/session/link_snapshot.h"

namespace culvert::service {

struct ClientSnapshot {
  Principal principal;
  std::vector<std::uint16_t> ports, udp_ports;
  std::vector<std::string> expected;
  session::LinkSnapshot link;
  std::vector<flow::FlowSnapshot> flows;  // destinations that are connected
};

struct ServiceSnapshot {
  std::vector<std::uint64_t> listeners;  // cookies
  std::vector<ClientSnapshot> clients;
};

ByteVector encode(const ServiceSnapshot& snapshot);
Result<ServiceSnapshot> decode_service_snapshot(Bytes bytes);

}  // namespace culvert::service
