#include "agent/netcheck_report.h"

#include <algorithm>
#include <cstdio>

namespace culvert::agent {
namespace {

// What strangers answered goes to a terminal: control characters must not.
std::string plain(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

std::string milliseconds(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%5.0f ms", value);
  return text;
}

}  // namespace

std::string to_line(const NetcheckStep& step) {
  return "looked  " + milliseconds(step.after_ms) + "  " + plain(step.what + ": " + step.outcome);
}

std::string to_line(const NetcheckTry& one) {
  auto line = (one.reached ? "reached " : "failed  ") + milliseconds(one.took_ms) + "  " + one.way;
  if (!one.source.empty()) line += " [" + one.source + "]";
  // A failure's own text mostly begins with the way.
  if (!one.reached) return plain(line + ": " + one.outcome);
  if (!one.interceptor.empty())
    line += ": TLS ends on the way (certificate " + one.interceptor + ")";
  return plain(line);
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

std::string conclusion(const NetcheckReport& report) {
  std::string out;
  if (!report.portal.empty())
    out += "portal:  a captive portal answers instead of the service: " + plain(report.portal) +
           "; log in there with a browser\n";
  if (report.best.empty())
    return out + "result:  the service is not reached: " + plain(report.why) + "\n";
  return out + "result:  the service is reached, " + plain(report.best) + " (" + plain(report.why) +
         ")\n";
}

}  // namespace culvert::agent
