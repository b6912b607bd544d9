// The agent's part of paths without the relay: the port, what is known of our place, who comes.
#include <algorithm>

#include "agent/agent.h"

namespace culvert::agent {

void Agent::open_direct_port() {
  if (!place_.enabled()) return;
  if (const auto listening = direct_.listen(config_.direct.port); !listening)
    log::warning("direct", {{"event", "no-port"},
                            {"why", listening.error().detail +
                                        "; set another [direct] port, or 0. Peers that are let in "
                                        "from outside are reached all the same"}});
  place_.set_port(direct_.port());
  // The same number: one hole in a firewall's configuration, if there shall be one.
  auto open = udp_.open(direct_.port());
  if (!open && config_.direct.port == 0) open = udp_.open(0);
  if (!open)
    log::warning("udp", {{"event", "no-port"},
                         {"why", open.error().detail + "; set another [direct] port, or 0. "
                                                       "Datagrams go inside the sessions"}});
}

void Agent::on_discovery_servers(const control::DiscoveryServers& servers) {
  udp_.set_servers(servers.servers);
}

// Whether we are let in is asked once for each address that we are seen at.
void Agent::learn_place() {
  const bool moved = place_.set_seen(uplink_.seen());
  if (place_.port() != 0 && place_.inbound() == control::Inbound::kUnknown) {
    control::TryInbound wish;
    wish.port = place_.port();
    self_.random.fill(wish.secret);
    direct_.expect_trial(wish.secret);
    uplink_.try_inbound(wish);
  }
  if (!moved) return;
  peers_.place_changed();
  for (const auto& session : incoming_) session->place_changed();
}

void Agent::on_inbound_tried(const control::InboundTried& outcome) {
  if (!place_.set_inbound(outcome)) return;
  const bool open = place_.inbound() == control::Inbound::kOpen;
  log::info("direct", {{"event", "inbound"},
                       {"open", open ? "yes" : "no"},
                       {"port", place_.port()},
                       {"why", outcome.detail}});
  if (!open) return;
  peers_.place_changed();
  for (const auto& session : incoming_) session->place_changed();
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
