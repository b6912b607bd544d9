// The agent's part of paths without the relay: the port, what is known of our place, who comes.
#include <algorithm>

#include "agent/agent.h"
#include "agent/network_facts.h"
#include "agent/state_file.h"
#include "tunnel/base/text.h"

namespace culvert::agent {
namespace {

// 0: not known. It is only a wish.
std::uint16_t last_port(const std::string& file) {
  const auto text = read_state_file(file, Privacy::kOrdinary);
  std::uint16_t port = 0;
  if (!text || !parse_number(std::string_view(*text).substr(0, text->find('\n')), port)) return 0;
  return port;
}

}  // namespace

void Agent::open_direct_port() {
  if (!place_.enabled()) return;
  udp_.set_relay_door(this);
  udp_.chances().set_budget(config_.direct.mappings);
  // What a gateway has mapped for the process before, it maps again, and peers' barriers know it.
  const auto port_file = config_.state_directory + "/direct-port";
  const auto before = config_.direct.port == 0 ? last_port(port_file) : config_.direct.port;
  auto listening = direct_.listen(before);
  if (!listening && before != config_.direct.port) listening = direct_.listen(0);
  if (!listening)
    log::warning("direct", {{"event", "no-port"},
                            {"why", listening.error().detail +
                                        "; set another [direct] port, or 0. Peers that are let in "
                                        "from outside are reached all the same"}});
  place_.set_port(direct_.port());
  if (listening && direct_.port() != before)
    (void)write_state_file(port_file, std::to_string(direct_.port()) + "\n");
  if (direct_.port() != 0 && direct_.listen_second()) place_.set_second_port(direct_.second_port());
  if (!config_.direct.port_443) direct_.never_take_web_port();
  place_.set_further_ports(&direct_);
  if (config_.direct.map_port && place_.port() != 0) {
    mapper_.want({portmap::Protocol::kTcp, place_.port()});
    mapper_six_.want({portmap::Protocol::kTcp, place_.port()});
    ask_gateway();
  }
  // The same number: one hole in a firewall's configuration, if there shall be one.
  auto open = udp_.open(direct_.port());
  if (!open && config_.direct.port == 0) open = udp_.open(0);
  if (!open)
    log::warning("udp", {{"event", "no-port"},
                         {"why", open.error().detail + "; set another [direct] port, or 0. "
                                                       "Datagrams go inside the sessions"}});
  if (open && config_.direct.map_port) {
    mapper_.want({portmap::Protocol::kUdp, udp_.local().port});
    if (udp_.shared(/*v4=*/false) != nullptr)
      mapper_six_.want({portmap::Protocol::kUdp, udp_.local(/*v4=*/false).port});
  }
}

void Agent::on_discovery_servers(const control::DiscoveryServers& servers) {
  if (udp_.set_servers(servers.servers)) learn_udp_place();
  if (service_path_) service_path_->set_peer_stated(udp_.server_addresses());
  if (service_path_ || uplink_session_ == nullptr || !place_.enabled() || !udp_.has_servers())
    return;
  make_service_path();
}

void Agent::make_service_path() {
  service_path_.emplace(self_, place_, udp_, *uplink_session_, UdpPath::Role::kCaller);
  service_path_->set_proxy(proxy_udp_);
  service_path_->set_peer_stated(udp_.server_addresses());
}

// Another path has other keys: by its offer the service knows at once that the old one is gone. The
// next datagram wants it; the session may be about to be lost as well, and to go another way.
void Agent::on_proxy_udp_lost() {
  if (stopping_ || !service_path_ || !service_path_->up() || !service_path_->by_proxy()) return;
  make_service_path();
}

// Another session begins without a path: the service tells it of its servers.
void Agent::on_uplink_session(session::SessionLink* link) {
  service_path_.reset();
  uplink_session_ = link;
}

void Agent::on_path_message(const control::Message& message) {
  if (service_path_) service_path_->take(message, udp_.first_server());
}

void Agent::learn_udp_place() {
  if (!place_.enabled() || !udp_.has_servers()) return;
  udp_.look(static_cast<UdpPlace::Waiter&>(*this));
  udp_.look_for_opener();
  udp_mapping_.try_again();
  udp_witness_.look();
  udp_behaviour_.begin(udp_.first_server());
}

// What is lost with the session is asked again with the next look.
void Agent::on_address_proof(const control::ProveAddress& proof) {
  if (uplink_session_ != nullptr) uplink_session_->send(proof);
}

void Agent::on_address_stated() {
  if (stopping_) return;
  trials_.look();
  tell_place_changed();
}

void Agent::on_udp_seen(const UdpSight& sight) {
  log::info("udp", {{"event", "place"},
                    {"port", udp_.local().port},
                    {"seen", sight.mapped ? sight.mapped->to_string() : "nowhere"},
                    {"ports", punch::describe(sight.allocation)}});
  if (sight.asked && !sight.mapped && service_path_)
    service_path_->want();  // one direction, perhaps
}

// Or look whether it still knows what it was asked.
void Agent::ask_gateway() {
  if (!place_.enabled() || !config_.direct.map_port) return;
  std::optional<portmap::Network> network;
  if (const auto facts = look_at_network()) network = {facts->gateway, facts->own};
  mapper_.set_network(network);
  mapper_six_.set_network(look_at_gateway_six());
}

// A connection that is idle would notice with its next PING alone, up to two minutes later: until
// then nobody could call us.
void Agent::on_gateway_restarted() {
  if (stopping_) return;
  log::info("agent", {{"event", "gateway-restarted"}});
  suspect_connections();
}

void Agent::on_port_mappings_changed() {
  if (stopping_) return;
  std::uint16_t mapped = 0, udp_mapped = 0;
  bool six = false;
  for (const auto& one : mapper_six_.core().report()) {
    const bool tcp = one.port.protocol == portmap::Protocol::kTcp;
    if (one.mapping)
      log::info("direct", {{"event", "port-opened"},
                           {"protocol", portmap::to_string(one.port.protocol)},
                           {"outside", one.mapping->external.to_string()},
                           {"by", portmap::to_string(one.mapping->method)}});
    // Another address or port would be a translator's: nobody is told of these.
    six |= tcp && one.mapping && one.mapping->external.port == place_.port();
  }
  for (const auto& one : mapper_.core().report()) {
    log::info("direct", {{"event", one.mapping ? "port-mapped" : "port-not-mapped"},
                         {"protocol", portmap::to_string(one.port.protocol)},
                         {"port", one.port.number},
                         {"outside", one.mapping ? one.mapping->external.to_string() : ""},
                         {"by", one.mapping ? portmap::to_string(one.mapping->method) : ""},
                         {"why", one.why}});
    if (one.port.protocol == portmap::Protocol::kTcp && one.mapping)
      mapped = one.mapping->external.port;
    if (one.port.protocol == portmap::Protocol::kUdp && one.mapping)
      udp_mapped = one.mapping->external.port;
  }
  udp_mapping_.set(udp_mapped);
  if (place_.set_mapped(mapped)) tell_place_changed();
  place_.set_opened_six(six);
  trials_.look();
}

void Agent::on_udp_mapping_tried() {
  if (stopping_) return;
  if (udp_mapping_.tried() != control::Inbound::kUnknown)
    log::info("udp",
              {{"event", "mapping-tried"}, {"open", udp_mapping_.port() != 0 ? "yes" : "no"}});
  if (place_.set_udp_mapped(udp_mapping_.port())) tell_place_changed();
}

// Whether we are let in is asked once for each address that we are seen at, and each mapping.
void Agent::learn_place() {
  const bool moved = place_.set_seen(uplink_.seen());
  if (moved) trials_.forget();
  trials_.look();
  if (moved) {
    udp_.forget_sight();
    learn_udp_place();
    tell_place_changed();
  }
}

void Agent::tell_place_changed() {
  if (service_path_) service_path_->place_changed();
  peers_.place_changed();
  for (const auto& session : incoming_) session->place_changed();
}

void Agent::on_inbound_tried(const control::InboundTried& outcome) {
  const bool changed = place_.set_inbound(outcome);
  trials_.answered(outcome);
  if (!changed) return;
  const bool other = outcome.at && place_.other_stated() == outcome.at;
  const auto found = other ? place_.other_inbound() : place_.inbound();
  const bool open = found == control::Inbound::kOpen;
  log::info("direct", {{"event", "inbound"},
                       {"open", open ? "yes" : "no"},
                       {"at", outcome.at ? outcome.at->to_string() : ""},
                       {"port", outcome.port},
                       {"why", outcome.detail}});
  if (open) tell_place_changed();
}

void Agent::on_direct_hello(std::unique_ptr<loop::BytePipe> pipe, ByteVector received,
                            const SocketAddress& from) {
  answer_direct(std::move(pipe), std::move(received), {"direct", from.to_string()});
}

void Agent::on_caller_dialled(std::unique_ptr<loop::BytePipe> pipe, PeerWay way) {
  answer_direct(std::move(pipe), {}, std::move(way));
}

void Agent::answer_direct(std::unique_ptr<loop::BytePipe> pipe, ByteVector received, PeerWay way) {
  const auto strangers = std::ranges::count_if(
      incoming_, [](const auto& session) { return session->is_direct_stranger(); });
  if (stopping_ || incoming_.size() >= kMostIncoming ||
      static_cast<std::size_t>(strangers) >= kMostDirectStrangers)
    return;
  incoming_.push_back(std::make_unique<IncomingSession>(
      policy(), std::move(pipe), std::move(received), std::move(way),
      static_cast<IncomingSession::Listener&>(*this)));
}

bool Agent::on_dialled_back(const control::OfferToken& token, std::unique_ptr<loop::BytePipe>& pipe,
                            const SocketAddress& from) {
  auto* const caller = stopping_ ? nullptr : peers_.awaiting(token);
  if (caller == nullptr) return false;
  caller->take_reversed(std::move(pipe), from);
  return true;
}

}  // namespace culvert::agent
