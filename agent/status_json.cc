// This and netcheck_json.cc alone know nlohmann/json (1.1 s of parsing wherever it is included).
#include <nlohmann/json.hpp>

#include "agent/status.h"

namespace culvert::agent {
namespace {

using Json = nlohmann::ordered_json;

template <class Counters>
void put_counters(Json& to, const Counters& from) {
  to["round_trip_ms"] = from.round_trip_ms;
  to["octets_sent"] = from.octets_sent;
  to["octets_received"] = from.octets_received;
  to["carriers"] = from.carriers;
  to["interactive_lane"] = from.interactive_lane;
}

template <class Counters>
void get_counters(const Json& from, Counters& to) {
  to.since = from.value("since", std::int64_t{0});
  to.round_trip_ms = from.value("round_trip_ms", 0.0);
  to.octets_sent = from.value("octets_sent", std::uint64_t{0});
  to.octets_received = from.value("octets_received", std::uint64_t{0});
  to.carriers = from.value("carriers", std::uint64_t{0});
  to.interactive_lane = from.value("interactive_lane", false);
}

Json to_document(const StatusReport& report) {
  Json out;
  out["schema"] = 1;
  out["version"] = report.version;
  out["name"] = report.name;
  out["expiry"] = report.expiry;
  out["domain"] = report.domain;
  out["service"] = report.service;
  auto& session = out["session"];
  session["state"] = report.session.state;
  session["via"] = report.session.via;
  session["address"] = report.session.address;
  session["proxy"] = report.session.proxy;
  session["proxy_source"] = report.session.proxy_source;
  session["udp"] = report.session.udp;
  session["interceptor"] = report.session.interceptor;
  session["why"] = report.session.why;
  session["since"] = report.session.since;
  put_counters(session, report.session);
  auto& place = out["place"];
  place["direct"] = report.place.direct;
  place["port"] = report.place.port;
  place["seen"] = report.place.seen;
  place["stated"] = report.place.stated;
  place["inbound"] = report.place.inbound;
  place["inbound_why"] = report.place.inbound_why;
  place["other_inbound"] = report.place.other_inbound;
  place["map_port"] = report.place.map_port;
  place["mappings"] = Json::array();
  for (const auto& mapping : report.place.mappings)
    place["mappings"].push_back({{"protocol", mapping.protocol},
                                 {"port", mapping.port},
                                 {"external", mapping.external},
                                 {"by", mapping.by},
                                 {"seconds", mapping.seconds},
                                 {"inbound", mapping.inbound},
                                 {"why", mapping.why}});
  place["udp"] = report.place.udp;
  place["udp_proxy"] = report.place.udp_proxy;
  place["udp_seen"] = report.place.udp_seen;
  place["udp_mapping"] = report.place.udp_mapping;
  place["udp_filtering"] = report.place.udp_filtering;
  place["udp_ports"] = report.place.udp_ports;
  out["peers"] = Json::array();
  for (const auto& peer : report.peers) {
    Json one;
    one["name"] = peer.name;
    one["role"] = peer.incoming ? "answerer" : "caller";
    one["state"] = peer.state;
    one["via"] = peer.via;
    one["address"] = peer.address;
    one["why"] = peer.why;
    one["udp"] = peer.udp;
    one["udp_why"] = peer.udp_why;
    one["datagrams"] = peer.datagrams;
    one["udp_round_trip_ms"] = peer.udp_round_trip_ms;
    one["streams"] = peer.streams;
    one["since"] = peer.since;
    put_counters(one, peer);
    out["peers"].push_back(std::move(one));
  }
  out["streams"] = report.streams;
  out["held_connects"] = report.held_connects;
  out["udp_flows"] = report.udp_flows;
  out["published"] = report.published;
  out["published_udp"] = report.published_udp;
  out["names"] = report.names;
  out["pool"] = report.pool;
  out["low_ports_mapped"] = report.low_ports_mapped;
  out["exact_refusals"] = report.exact_refusals;
  return out;
}

StatusReport from_document(const Json& in) {
  StatusReport report;
  report.version = in.value("version", "");
  report.name = in.value("name", "");
  report.expiry = in.value("expiry", "");
  report.domain = in.value("domain", "");
  report.service = in.value("service", "");
  const auto& session = in.at("session");
  report.session.state = session.value("state", "");
  report.session.via = session.value("via", "");
  report.session.address = session.value("address", "");
  report.session.proxy = session.value("proxy", "");
  report.session.proxy_source = session.value("proxy_source", "");
  report.session.udp = session.value("udp", "");
  report.session.interceptor = session.value("interceptor", "");
  report.session.why = session.value("why", "");
  get_counters(session, report.session);
  const auto place = in.value("place", Json::object());
  report.place.direct = place.value("direct", false);
  report.place.port = place.value("port", std::uint16_t{0});
  report.place.seen = place.value("seen", "");
  report.place.stated = place.value("stated", std::vector<std::string>{});
  report.place.inbound = place.value("inbound", "");
  report.place.inbound_why = place.value("inbound_why", "");
  report.place.other_inbound = place.value("other_inbound", "");
  report.place.map_port = place.value("map_port", false);
  for (const auto& one : place.value("mappings", Json::array()))
    report.place.mappings.push_back({one.value("protocol", ""), one.value("port", std::uint16_t{0}),
                                     one.value("external", ""), one.value("by", ""),
                                     one.value("seconds", std::int64_t{0}),
                                     one.value("inbound", ""), one.value("why", "")});
  report.place.udp = place.value("udp", "");
  report.place.udp_proxy = place.value("udp_proxy", "");
  report.place.udp_seen = place.value("udp_seen", "");
  report.place.udp_mapping = place.value("udp_mapping", "");
  report.place.udp_filtering = place.value("udp_filtering", "");
  report.place.udp_ports = place.value("udp_ports", "");
  for (const auto& one : in.at("peers")) {
    auto& peer = report.peers.emplace_back();
    peer.name = one.value("name", "");
    peer.incoming = one.value("role", "") == "answerer";
    peer.state = one.value("state", "");
    peer.via = one.value("via", "");
    peer.address = one.value("address", "");
    peer.why = one.value("why", "");
    peer.udp = one.value("udp", "");
    peer.udp_why = one.value("udp_why", "");
    peer.datagrams = one.value("datagrams", "");
    peer.udp_round_trip_ms = one.value("udp_round_trip_ms", 0.0);
    peer.streams = one.value("streams", std::uint64_t{0});
    get_counters(one, peer);
  }
  report.streams = in.value("streams", std::uint64_t{0});
  report.held_connects = in.value("held_connects", std::uint64_t{0});
  report.published = in.at("published").get<std::vector<std::uint16_t>>();
  report.udp_flows = in.value("udp_flows", std::uint64_t{0});
  report.published_udp = in.value("published_udp", std::vector<std::uint16_t>{});
  report.names = in.value("names", std::uint64_t{0});
  report.pool = in.value("pool", "");
  report.low_ports_mapped = in.value("low_ports_mapped", false);
  report.exact_refusals = in.value("exact_refusals", false);
  return report;
}

}  // namespace

std::string to_json(const StatusReport& report) {
  // A peer's text need not be UTF-8: replaced, instead of an exception.
  return to_document(report).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<StatusReport> status_from_json(std::string_view text) {
  try {
    const auto document = Json::parse(text);
    if (document.value("schema", 0) != 1)
      return fail(ErrorCode::kBadInput,
                  "the agent speaks another version of the status; use "
                  "--json, or a culvert of the agent's version");
    return from_document(document);
  } catch (const nlohmann::json::exception& error) {
    return fail(ErrorCode::kBadInput,
                std::string("the agent's answer is not a status: ") + error.what());
  }
}

}  // namespace culvert::agent
