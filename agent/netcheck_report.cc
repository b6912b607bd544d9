#include "agent/netcheck_report.h"

#include <cstdio>

#include "tunnel/base/plain_text.h"

namespace culvert::agent {
namespace {

std::string milliseconds(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%5.0f ms", value);
  return text;
}

}  // namespace

std::string to_line(const NetcheckStep& step) {
  return "looked  " + milliseconds(step.after_ms) + "  " +
         plain_text(step.what + ": " + step.outcome);
}

std::string to_line(const NetcheckTry& one) {
  auto line = (one.reached ? "reached " : "failed  ") + milliseconds(one.took_ms) + "  " + one.way;
  if (!one.source.empty()) line += " [" + one.source + "]";
  // A failure's own text mostly begins with the way.
  if (!one.reached) return plain_text(line + ": " + one.outcome);
  if (!one.interceptor.empty())
    line += ": TLS ends on the way (certificate " + one.interceptor + ")";
  return plain_text(line);
}

std::string network_line(const NetcheckReport& report) {
  if (report.gateway.empty())
    return "network: this machine has no IPv4 default route: it is not connected, or only by IPv6";
  return "network: " + report.own_address + " in " + report.prefix + ", gateway " + report.gateway +
         " (" + report.gateway_hardware + ")";
}

std::string mapping_line(const NetcheckReport& report) {
  if (report.port_mapping.empty())
    return "mapping: the gateway maps no ports (no answer by PCP, NAT-PMP or UPnP)";
  return "mapping: the gateway maps ports by " + report.port_mapping;
}

std::string reachability(const PlaceStatus& place) {
  // Behind a proxy the service sees the proxy.
  if (place.seen.empty() && place.udp.empty()) return {};
  std::string out;
  if (!place.seen.empty()) out = "seen:    from outside at " + plain_text(place.seen) + "\n";
  if (place.inbound == "open")
    out += "tcp:     connections from outside get in at port " + std::to_string(place.port) + "\n";
  if (place.inbound == "closed")
    out +=
        "tcp:     connections from outside do not get in (" + plain_text(place.inbound_why) + ")\n";
  if (place.udp.empty()) return out + "udp:     not known: the service has no discovery servers\n";
  out += "udp:     ";
  if (place.udp == "proxied") return out + "gets out and in by the SOCKS5 proxy, not without it\n";
  if (place.udp == "blocked")
    return out + "neither gets out nor in" +
           (place.udp_proxy.empty() ? "" : "; " + plain_text(place.udp_proxy)) + "\n";
  if (place.udp == "out-only") return out + "gets out, and nothing of it in\n";
  if (place.udp == "in-only") return out + "gets in, and nothing of it out\n";
  out += "gets out and in, seen at " + plain_text(place.udp_seen) + "\n";
  if (!place.udp_mapping.empty())
    out += "nat:     mapping is " + plain_text(place.udp_mapping) + ", filtering is " +
           plain_text(place.udp_filtering) + ", " + plain_text(place.udp_ports) + "\n";
  return out;
}

std::string conclusion(const NetcheckReport& report) {
  std::string out;
  if (!report.portal.empty())
    out +=
        "portal:  a captive portal answers instead of the service: " + plain_text(report.portal) +
        "; log in there with a browser\n";
  if (report.best.empty())
    return out + "result:  the service is not reached: " + plain_text(report.why) + "\n";
  return out + "result:  the service is reached, " + plain_text(report.best) + " (" +
         plain_text(report.why) + ")\n";
}

}  // namespace culvert::agent
