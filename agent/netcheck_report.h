// agent/netcheck_report.h: what `culvert netcheck` found out about this network, as a value; as
// text for a help desk, and as JSON ("schema": 1: fields are added, never changed).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "agent/status.h"

namespace culvert::agent {

struct NetcheckTry {
  std::string way;     // "connect through http://proxy:3128 (192.0.2.9) to service.example.net:443"
  std::string recipe;  // "connect"
  std::string proxy, source;  // empty: without a proxy
  bool reached = false;       // the service itself answered, proven by its key
  std::string outcome;        // for people
  std::string interceptor;    // certificate that was shown in TLS, if it is not the service's
  double began_ms = 0, took_ms = 0;
  bool operator==(const NetcheckTry&) const = default;
};

struct NetcheckStep {  // where a proxy was looked for
  std::string what, outcome;
  double after_ms = 0;
  bool operator==(const NetcheckStep&) const = default;
};

struct NetcheckReport {
  std::string name, service;
  std::string gateway, gateway_hardware, prefix, own_address;  // empty: no default route
  std::string service_addresses;  // separated by blanks; empty: the name does not resolve
  std::string portal;             // a captive portal's address, or what it showed
  std::string port_mapping;       // what the gateway speaks: "PCP, UPnP"; empty: nothing
  std::string remembered;         // the way that worked here the last time
  std::vector<NetcheckStep> steps;
  std::vector<NetcheckTry> tries;  // in the order in which an agent would try them
  std::string best;                // the first of them that reached the service; empty: none
  std::string why;                 // this one, or why none
  PlaceStatus place{};             // as a running agent knows it; else empty
  bool operator==(const NetcheckReport&) const = default;
};

std::string to_line(const NetcheckStep& step);
std::string to_line(const NetcheckTry& one);
std::string network_line(const NetcheckReport& report);
std::string mapping_line(const NetcheckReport& report);
// How peers and the service reach this machine, for people: lines; empty: it is not known.
std::string reachability(const PlaceStatus& place);
std::string conclusion(const NetcheckReport& report);  // lines
std::string to_json(const NetcheckReport& report);

}  // namespace culvert::agent
