// agent/own_place.h: where this endpoint is in the network, as far as it knows: what it offers to
// peers, and on what ground it judges their offers. Holds facts; sends and dials nothing.
#pragma once
#include <optional>
#include <utility>

#include "agent/config.h"
#include "agent/punch_ports.h"
#include "tunnel/control/messages.h"
#include "tunnel/crypto/address_statement.h"
#include "tunnel/punch/candidates.h"

namespace culvert::agent {

class OwnPlace {
 public:
  explicit OwnPlace(DirectPolicy policy) : policy_(policy) {}

  bool enabled() const { return policy_.enabled; }
  std::uint16_t port() const { return port_; }  // direct connections are taken here; 0: nowhere
  void set_port(std::uint16_t port) { port_ = port; }
  // From which both dial at the same time. Of two machines that call each other, one takes `second`
  // as the caller: two connections between the same two ports there cannot be.
  std::uint16_t punch_port(bool second) const {
    return second && second_port_ != 0 ? second_port_ : port_;
  }
  void set_second_port(std::uint16_t port) { second_port_ = port; }
  // ... where a path died at that time. `ports`: null, or outlives us.
  std::uint16_t punch_port_since(TimePoint lost) const {
    return further_ports_ == nullptr ? std::uint16_t{0} : further_ports_->port_since(lost);
  }
  std::uint16_t web_port() const {
    return further_ports_ == nullptr ? std::uint16_t{0} : further_ports_->web_port();
  }
  void set_further_ports(PunchPorts* ports) { further_ports_ = ports; }

  const std::optional<SocketAddress>& seen() const { return seen_; }
  control::Inbound inbound() const;  // by either
  const std::string& inbound_why() const { return inbound_why_; }
  // At the address that is stated of the family that the session does not have.
  control::Inbound other_inbound() const { return other_inbound_; }
  std::optional<IpAddress> other_stated() const;
  // Of that address, while nobody knows whether it lets in; empty: there is nothing to be tried.
  ByteVector trial_statement() const;
  // The port outside that the gateway maps to ours; 0: none.
  std::uint16_t mapped_port() const { return mapped_port_; }
  control::Inbound mapped_inbound() const;
  // Of which nobody knows yet whether it lets in; 0: there is none.
  std::uint16_t trial_port() const;
  // Each: true if that is news for peers. A mapping is offered to them when it has been tried.
  bool set_mapped(std::uint16_t port);
  control::Inbound six_inbound() const {
    return seen_ && !seen_->ip.is_v4() ? inbound_ : other_inbound_;
  }
  // A gateway lets connections to port() in by IPv6, as it says: it is tried again.
  void set_opened_six(bool opened);
  // Of UDP, tried already; 0: none.
  bool set_udp_mapped(std::uint16_t port) { return std::exchange(udp_mapped_port_, port) != port; }
  std::uint16_t udp_mapped_port() const { return udp_mapped_port_; }
  bool set_seen(const std::optional<SocketAddress>& seen);
  bool set_inbound(const control::InboundTried& outcome);

  // `punch_port`: who dials at the same time as we do is to dial that one.
  control::Offer offer(std::uint32_t round, const control::OfferToken& token,
                       std::uint16_t punch_port) const;
  // Ports of the UDP sockets; 0: there is none of that family.
  struct UdpPorts {
    std::uint16_t four = 0, six = 0;
    std::uint16_t of(const IpAddress& address) const { return address.is_v4() ? four : six; }
  };
  // Of the UDP sockets. `mapped`: as discovery servers see them. Without any, one direction may
  // still pass: the address that the session comes from is as good a guess.
  std::vector<control::Candidate> udp_candidates(UdpPorts ports,
                                                 const std::vector<SocketAddress>& mapped) const;

  // Where a discovery server sees our UDP socket of IPv6.
  const std::optional<SocketAddress>& udp_seen_six() const { return udp_seen_six_; }
  void set_udp_seen_six(const std::optional<SocketAddress>& seen) { udp_seen_six_ = seen; }
  // By the service, with its word for it: we receive there. One of each family. True: it is news,
  // also where peers have not believed the last one of that address any more.
  bool set_stated(const crypto::AddressStatement& one, ByteVector statement, UnixTime now);
  // Of that family, unless it is this one.
  void forget_stated(bool v4, const std::optional<IpAddress>& but = {});
  std::vector<ByteVector> statements() const;
  std::vector<IpAddress> stated() const;
  punch::Ground ground(const std::optional<SocketAddress>& peer_seen,
                       std::vector<IpAddress> peer_stated = {}) const;

 private:
  // Addresses of interfaces; `seen_is_ours`: what the service sees is among them.
  std::vector<control::Candidate> host_candidates(control::Candidate::Transport transport,
                                                  UdpPorts ports, bool& seen_is_ours) const;
  bool is_stated(const IpAddress& address) const;

  DirectPolicy policy_;
  std::uint16_t port_ = 0, second_port_ = 0;
  PunchPorts* further_ports_ = nullptr;
  bool opened_six_ = false;
  std::optional<SocketAddress> seen_, udp_seen_six_;
  struct Stated {
    IpAddress address;
    UnixTime not_after;
    ByteVector statement;
  };
  std::vector<Stated> stated_;
  const Stated* find_other() const;
  void note_other();
  std::optional<IpAddress> other_;  // that other_inbound_ is about
  control::Inbound other_inbound_ = control::Inbound::kUnknown;
  control::Inbound inbound_ = control::Inbound::kUnknown;
  std::string inbound_why_;
  std::uint16_t mapped_port_ = 0, udp_mapped_port_ = 0;
  control::Inbound mapped_inbound_ = control::Inbound::kUnknown;  // if that is another number
};

}  // namespace culvert::agent
