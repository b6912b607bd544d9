// agent/status.h: what `culvert status` shows, as a value; as JSON ("schema": 1: fields are added,
// never changed); as a table for people.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tunnel/base/result.h"

namespace culvert::agent {

struct SessionStatus {
  std::string state;       // "up", "connecting", "resolving", "down"
  std::string via;         // recipe; empty if not up
  std::string address;     // of the service or the proxy, as connected
  std::string why;         // this way, or why not up
  std::int64_t since = 0;  // Unix seconds, in this state
  double round_trip_ms = 0;
  std::uint64_t octets_sent = 0, octets_received = 0;
  std::uint64_t carriers = 0;     // connections that have carried the session, one after the other
  std::string proxy;              // "http://proxy.example.net:3128"; empty if none
  std::string proxy_source;       // who named it
  std::string interceptor;        // certificate that was shown in TLS, if it is not the service's
  std::string udp{};              // where its datagrams go beside the carrier; empty: nowhere
  bool interactive_lane = false;  // dialogues have a connection of their own beside bulk
  bool operator==(const SessionStatus&) const = default;
};

struct PeerStatus {
  std::string name;
  bool incoming = false;  // they called us
  std::string state;      // "up", "connecting", "resuming"
  std::string via;        // "relay", "direct", "reversed", "punched", "quic"
  std::string address;    // of the peer, where there is no relay
  std::string why;        // caller, relay: why not direct
  std::uint64_t streams = 0;
  std::int64_t since = 0;
  double round_trip_ms = 0;
  std::uint64_t octets_sent = 0, octets_received = 0;
  std::uint64_t carriers = 0;  // connections that have carried the session, one after the other
  std::string udp{};           // address of the peer on the UDP path for datagrams; empty: none
  std::string udp_why{};       // why not
  double udp_round_trip_ms = 0;
  std::string datagrams{};  // which way they leave: "direct", "service" (by UDP from here to there
                            // or from there on), "session"; empty: none were sent
  bool interactive_lane = false;  // dialogues have a connection of their own beside bulk
  bool operator==(const PeerStatus&) const = default;
};

// What the gateway was asked for.
struct MappingStatus {
  std::string protocol;  // "tcp", "udp"
  std::uint16_t port = 0;
  std::string external;      // the gateway's address and port; empty: not mapped
  std::string by;            // "PCP", "NAT-PMP", "UPnP"
  std::int64_t seconds = 0;  // that it lasts without being renewed
  std::string inbound;       // "open", "closed", "unknown", as the service found out
  std::string why;           // not mapped
  bool operator==(const MappingStatus&) const = default;
};
std::string to_text(const MappingStatus& mapping);  // for people

// Where this endpoint is in the network.
struct PlaceStatus {
  bool direct = false;      // paths beside the relay are allowed
  std::uint16_t port = 0;   // taken there; 0: nowhere
  std::string seen;         // our address, as the service sees it
  std::string inbound;      // "open", "closed", "unknown": connections from outside to that port
  std::string inbound_why;  // closed: what the service met
  bool map_port = false;    // allowed by the configuration
  std::vector<MappingStatus> mappings{};
  std::string other_inbound{};        // by the family that the session does not have; "": not there
  std::vector<std::string> stated{};  // addresses besides `seen` where it knows that we receive
  // Of UDP, towards the discovery servers; empty: not known.
  // "passes", "out-only", "in-only", "blocked", "proxied": by the SOCKS5 proxy alone
  std::string udp{};
  std::string udp_proxy{};  // a SOCKS5 proxy's part: "relays", or why it does not
  std::string udp_seen{};   // the socket for peers, as they see it
  std::string udp_mapping{}, udp_filtering{};  // RFC 4787, RFC 5780
  std::string udp_ports{};                     // how ports are given, in words
  bool operator==(const PlaceStatus&) const = default;
};

struct StatusReport {
  std::string version, name, domain, service;
  SessionStatus session;
  PlaceStatus place;
  std::vector<PeerStatus> peers;
  std::uint64_t streams = 0;        // programs' connections that carry bytes
  std::uint64_t held_connects = 0;  // connects that wait
  std::uint64_t udp_flows = 0;      // sockets of programs, and answers to callers
  std::vector<std::uint16_t> published, published_udp;
  std::uint64_t names = 0;  // in the address pool
  std::string pool;
  bool low_ports_mapped = false, exact_refusals = false;
  std::string expiry{};  // of our name certificate, with what to do; empty: in more than a month
  bool operator==(const StatusReport&) const = default;
};

std::string to_json(const StatusReport& report);
Result<StatusReport> status_from_json(std::string_view text);  // kBadInput: not such a document

// `colour` for terminals; `now` in Unix seconds, for ages.
std::string to_table(const StatusReport& report, std::int64_t now, bool colour);

}  // namespace culvert::agent
