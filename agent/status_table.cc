#include <algorithm>
#include <cstdio>

#include "agent/status.h"
#include "tunnel/base/plain_text.h"

namespace culvert::agent {
namespace {

std::string octets(std::uint64_t count) {
  if (count < 1000) return std::to_string(count) + " B";
  const char* const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(count) / 1000;
  std::size_t unit = 0;
  while (value >= 999.95 && unit + 1 < std::size(units)) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", value, units[unit]);
  return text;
}

std::string age(std::int64_t since, std::int64_t now) {
  const auto seconds = std::max<std::int64_t>(0, now - since);
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 7200) return std::to_string(seconds / 60) + " min";
  if (seconds < 172'800) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86'400) + " d";
}

std::string milliseconds(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms", value);
  return text;
}

using Row = std::vector<std::string>;

std::string aligned(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] + 2 - row[i].size(), ' ');
    }
    out += line + "\n";
  }
  return out;
}

std::string session_line(const SessionStatus& session, std::int64_t now, bool colour) {
  const bool up = session.state == "up";
  std::string state =
      colour ? (up ? "\033[32m" : "\033[31m") + session.state + "\033[0m" : session.state;
  state += " for " + age(session.since, now);
  if (up && session.proxy.empty()) state += ", via " + session.via + " to " + session.address;
  if (up && !session.proxy.empty())
    state += ", via " + session.via + " through " + plain_text(session.proxy) + " (" +
             session.address + "; named by " + plain_text(session.proxy_source) + ")";
  if (up && session.interactive_lane) state += ", dialogues by a connection of their own";
  if (up && !session.udp.empty()) state += ", datagrams by UDP to " + plain_text(session.udp);
  if (up && !session.interceptor.empty())
    state += ", TLS ends on the way (certificate " + plain_text(session.interceptor) +
             "), what is inside stays sealed";
  return session.why.empty() ? state : state + " (" + plain_text(session.why) + ")";
}

std::string joined(const std::vector<std::uint16_t>& ports) {
  std::string out;
  for (const auto port : ports) out += (out.empty() ? "" : ", ") + std::to_string(port);
  return out.empty() ? "none" : out;
}

std::string direct_line(const PlaceStatus& place) {
  if (!place.direct) return "off ([direct] enabled)";
  if (place.port == 0) return "calls only: no port for them could be opened";
  auto line = "port " + std::to_string(place.port);
  if (!place.seen.empty()) line += ", seen from outside at " + plain_text(place.seen);
  for (const auto& also : place.stated) line += " and " + plain_text(also);
  if (place.inbound == "open") line += ", connections from outside get in";
  if (place.inbound == "closed")
    line += ", connections from outside do not get in (" + plain_text(place.inbound_why) + ")";
  if (place.other_inbound == "open") line += ", and get in by the other family";
  if (place.other_inbound == "closed") line += ", and do not get in by the other family";
  return line;
}

std::string mapping_line(const PlaceStatus& place) {
  if (!place.map_port) return "off ([direct] map_port)";
  std::string out;
  for (const auto& mapping : place.mappings)
    out += (out.empty() ? "" : "; ") + plain_text(to_text(mapping));
  return out;
}

std::string way(const PeerStatus& peer) {
  return plain_text(peer.via) + (peer.address.empty() ? "" : " " + plain_text(peer.address));
}

std::string udp_place_line(const PlaceStatus& place) {
  if (place.udp == "proxied")
    return "passes by the SOCKS5 proxy alone: the discovery servers do not answer";
  if (place.udp == "blocked")
    return "does not pass: the discovery servers do not answer" +
           (place.udp_proxy.empty() ? "" : "; " + plain_text(place.udp_proxy));
  if (place.udp == "out-only") return "leaves this network, and nothing of it comes in";
  if (place.udp == "in-only") return "comes into this network, and nothing of it leaves";
  auto line = "passes, seen from outside at " + plain_text(place.udp_seen);
  if (!place.udp_ports.empty()) line += ", " + plain_text(place.udp_ports);
  if (place.udp_filtering == "endpoint-independent") return line + "; anybody gets in then";
  if (place.udp_filtering == "address-dependent")
    return line + "; addresses that were sent to get in then";
  if (place.udp_filtering == "address-and-port-dependent") return line + "; only answers get in";
  return line;
}

std::string udp_line(const PeerStatus& peer) {
  const auto who = "UDP " + std::string(peer.incoming ? "from " : "to ") + plain_text(peer.name);
  if (!peer.udp.empty())
    return who + " goes straight to " + plain_text(peer.udp) + ", round trip " +
           milliseconds(peer.udp_round_trip_ms) + "\n";
  const std::string how = peer.datagrams == "service"
                              ? " goes by the service, by UDP where that passes: "
                              : " goes inside its session: ";
  return peer.udp_why.empty() ? "" : who + how + plain_text(peer.udp_why) + "\n";
}

std::string resumed(std::uint64_t carriers) {
  return carriers < 2 ? "" : ", resumed " + std::to_string(carriers - 1) + " times";
}

}  // namespace

std::string to_text(const MappingStatus& mapping) {
  auto text = mapping.protocol + " " + std::to_string(mapping.port);
  if (mapping.external.empty()) return text + " is not mapped: " + mapping.why;
  text += " is " + mapping.external + " at the gateway (" + mapping.by + ", " +
          std::to_string(mapping.seconds / 60) + " min)";
  if (mapping.inbound == "open") text += ", and lets connections in";
  if (mapping.inbound == "closed") text += ", but lets no connections in";
  return text;
}

std::string to_table(const StatusReport& report, std::int64_t now, bool colour) {
  std::vector<Row> facts{{"name", plain_text(report.name)},
                         {"service", plain_text(report.service)},
                         {"session", session_line(report.session, now, colour)}};
  if (!report.expiry.empty()) facts.push_back({"expiry", plain_text(report.expiry)});
  if (report.session.state == "up")
    facts.push_back({"traffic", octets(report.session.octets_sent) + " sent, " +
                                    octets(report.session.octets_received) +
                                    " received, round trip " +
                                    milliseconds(report.session.round_trip_ms) +
                                    resumed(report.session.carriers)});
  facts.push_back({"direct", direct_line(report.place)});
  if (report.place.direct && report.place.port != 0)
    facts.push_back({"mapped", mapping_line(report.place)});
  if (!report.place.udp.empty()) facts.push_back({"udp", udp_place_line(report.place)});
  facts.push_back({"published", joined(report.published)});
  if (!report.published_udp.empty())
    facts.push_back({"published UDP", joined(report.published_udp)});
  facts.push_back(
      {"programs",
       std::to_string(report.streams) + " streams, " + std::to_string(report.held_connects) +
           " waiting connects" +
           (report.udp_flows == 0 ? "" : ", " + std::to_string(report.udp_flows) + " UDP flows")});
  facts.push_back({"addresses", std::to_string(report.names) + " names in " + report.pool});
  auto out = aligned(facts);
  if (report.peers.empty()) return out;
  std::vector<Row> peers{
      {"PEER", "ROLE", "STATE", "VIA", "STREAMS", "SENT", "RECEIVED", "ROUND TRIP", "SINCE"}};
  for (const auto& peer : report.peers)
    peers.push_back({plain_text(peer.name), peer.incoming ? "answerer" : "caller", peer.state,
                     way(peer), std::to_string(peer.streams), octets(peer.octets_sent),
                     octets(peer.octets_received), milliseconds(peer.round_trip_ms),
                     age(peer.since, now)});
  out += "\n" + aligned(peers);
  for (const auto& peer : report.peers)
    if (!peer.why.empty() && peer.via == "relay")
      out += plain_text(peer.name) + " goes through the relay: " + plain_text(peer.why) + "\n";
  for (const auto& peer : report.peers)
    if (peer.interactive_lane)
      out += "Dialogues with " + plain_text(peer.name) + " have a connection of their own\n";
  for (const auto& peer : report.peers) out += udp_line(peer);
  return out;
}

}  // namespace culvert::agent
