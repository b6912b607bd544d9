// agent/own_place.h: where this endpoint is in the network, as far as it knows: what it offers to
// peers, and on what ground it judges their offers. Holds facts; sends and dials nothing.
#pragma once
#include <optional>

#include "agent/config.h"
#include "tunnel/control/messages.h"
#include "tunnel/punch/candidates.h"

namespace culvert::agent {

class OwnPlace {
 public:
  explicit OwnPlace(DirectPolicy policy) : policy_(policy) {}

  bool enabled() const { return policy_.enabled; }
  std::uint16_t port() const { return port_; }  // direct connections are taken here; 0: nowhere
  void set_port(std::uint16_t port) { port_ = port; }

  const std::optional<SocketAddress>& seen() const { return seen_; }
  control::Inbound inbound() const;  // by either
  const std::string& inbound_why() const { return inbound_why_; }
  // The port outside that the gateway maps to ours; 0: none.
  std::uint16_t mapped_port() const { return mapped_port_; }
  control::Inbound mapped_inbound() const;
  // Of which nobody knows yet whether it lets in; 0: there is none.
  std::uint16_t trial_port() const;
  // Each: true if that is news for peers. A mapping is offered to them when it has been tried.
  bool set_mapped(std::uint16_t port);
  bool set_seen(const std::optional<SocketAddress>& seen);
  bool set_inbound(const control::InboundTried& outcome);

  control::Offer offer(std::uint32_t round, const control::OfferToken& token) const;
  // Of the UDP socket at `port`. `mapped`: as a discovery server sees it; nothing, although one was
  // asked: UDP does not get out, and neighbours alone might reach it.
  std::vector<control::Candidate> udp_candidates(std::uint16_t port,
                                                 const std::optional<SocketAddress>& mapped,
                                                 bool asked) const;
  punch::Ground ground(const std::optional<SocketAddress>& peer_seen) const;

 private:
  // Addresses of interfaces; `seen_is_ours`: what the service sees is among them.
  std::vector<control::Candidate> host_candidates(control::Candidate::Transport transport,
                                                  std::uint16_t port, bool& seen_is_ours) const;

  DirectPolicy policy_;
  std::uint16_t port_ = 0;
  std::optional<SocketAddress> seen_;
  control::Inbound inbound_ = control::Inbound::kUnknown;
  std::string inbound_why_;
  std::uint16_t mapped_port_ = 0;
  control::Inbound mapped_inbound_ = control::Inbound::kUnknown;  // if that is another number
};

}  // namespace culvert::agent
