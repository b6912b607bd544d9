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
  out["best"] = report.best;
  out["why"] = report.why;
  // A stranger's text need not be UTF-8: replaced, instead of an exception.
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace culvert::agent
