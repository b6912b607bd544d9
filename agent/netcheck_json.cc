#include <nlohmann/json.hpp>

#include "agent/netcheck_report.h"

namespace culvert::agent {

std::string to_json(const NetcheckReport& report) {
  nlohmann::ordered_json out;
  out["schema"] = 1;
  out["name"] = report.name;
  out["service"] = report.service;
  auto& network = out["network"];
  network["own_address"] = report.own_address;
  network["prefix"] = report.prefix;
  network["gateway"] = report.gateway;
  network["gateway_hardware"] = report.gateway_hardware;
  network["port_mapping"] = report.port_mapping;
  out["service_addresses"] = report.service_addresses;
  out["portal"] = report.portal;
  out["remembered"] = report.remembered;
  out["looked"] = nlohmann::ordered_json::array();
  for (const auto& step : report.steps)
    out["looked"].push_back(
        {{"what", step.what}, {"outcome", step.outcome}, {"after_ms", step.after_ms}});
  out["tries"] = nlohmann::ordered_json::array();
  for (const auto& one : report.tries)
    out["tries"].push_back({{"way", one.way},
                            {"recipe", one.recipe},
                            {"proxy", one.proxy},
                            {"source", one.source},
                            {"reached", one.reached},
                            {"outcome", one.outcome},
                            {"interceptor", one.interceptor},
                            {"began_ms", one.began_ms},
                            {"took_ms", one.took_ms}});
  auto& reach = out["reachability"];
  reach["address"] = report.place.seen;
  reach["tcp_port"] = report.place.port;
  reach["tcp_in"] = report.place.inbound;
  reach["tcp_in_why"] = report.place.inbound_why;
  reach["udp"] = report.place.udp;
  reach["udp_proxy"] = report.place.udp_proxy;
  reach["udp_address"] = report.place.udp_seen;
  reach["udp_mapping"] = report.place.udp_mapping;
  reach["udp_filtering"] = report.place.udp_filtering;
  reach["udp_ports"] = report.place.udp_ports;
  reach["mapped"] = nlohmann::ordered_json::array();
  for (const auto& mapping : report.place.mappings)
    reach["mapped"].push_back({{"protocol", mapping.protocol},
                               {"port", mapping.port},
                               {"external", mapping.external},
                               {"by", mapping.by},
                               {"inbound", mapping.inbound}});
  out["best"] = report.best;
  out["why"] = report.why;
  // A stranger's text need not be UTF-8: replaced, instead of an exception.
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace culvert::agent
