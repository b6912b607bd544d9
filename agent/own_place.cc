#include "agent/own_place.h"

#include <algorithm>

#include "agent/local_network.h"

namespace culvert::agent {
namespace {

constexpr std::size_t kMostHostCandidates = 8;

}  // namespace

bool OwnPlace::set_seen(const std::optional<SocketAddress>& seen) {
  const bool other = seen_.has_value() != seen.has_value() || (seen && seen->ip != seen_->ip);
  seen_ = seen;
  if (other) {
    inbound_ = mapped_inbound_ = control::Inbound::kUnknown;
    inbound_why_.clear();
  }
  note_other();
  return other;
}

const OwnPlace::Stated* OwnPlace::find_other() const {
  if (!seen_) return nullptr;
  const auto found = std::ranges::find_if(
      stated_, [&](const Stated& one) { return one.address.is_v4() != seen_->ip.is_v4(); });
  return found == stated_.end() ? nullptr : &*found;
}

std::optional<IpAddress> OwnPlace::other_stated() const {
  const auto* const other = find_other();
  return other == nullptr ? std::nullopt : std::optional{other->address};
}

ByteVector OwnPlace::trial_statement() const {
  const auto* const other = find_other();
  const bool wanted = port_ != 0 && other_inbound_ == control::Inbound::kUnknown;
  return other == nullptr || !wanted ? ByteVector{} : other->statement;
}

// What was found out is of one address.
void OwnPlace::note_other() {
  const auto other = other_stated();
  if (other == other_) return;
  other_ = other;
  other_inbound_ = control::Inbound::kUnknown;
}

bool OwnPlace::set_inbound(const control::InboundTried& outcome) {
  if (outcome.error == ErrorCode::kTryAgain || outcome.port == 0) return false;
  const auto before = inbound();
  const auto found =
      outcome.error == ErrorCode::kNone ? control::Inbound::kOpen : control::Inbound::kClosed;
  if (outcome.at && other_ == outcome.at)
    return outcome.port == port_ && std::exchange(other_inbound_, found) != found;
  if (outcome.at && (!seen_ || *outcome.at != seen_->ip.canonical())) return false;  // not any more
  if (outcome.port == port_)
    inbound_ = found;
  else if (outcome.port == mapped_port_)
    mapped_inbound_ = found;
  else
    return false;
  inbound_why_ = outcome.detail;
  return inbound() != before;
}

bool OwnPlace::set_mapped(std::uint16_t port) {
  const auto before = inbound();
  // Of the same number: what kept others out may do so no longer.
  if (port == port_ && inbound_ == control::Inbound::kClosed) inbound_ = control::Inbound::kUnknown;
  if (port != mapped_port_ || mapped_inbound_ == control::Inbound::kClosed)
    mapped_inbound_ = control::Inbound::kUnknown;
  // What was open by a mapping is tried again without it.
  if (port == 0 && mapped_port_ == port_) inbound_ = control::Inbound::kUnknown;
  mapped_port_ = port;
  return before == control::Inbound::kOpen && inbound() != before;
}

void OwnPlace::set_opened_six(bool opened) {
  if (std::exchange(opened_six_, opened) == opened || !seen_) return;
  (seen_->ip.is_v4() ? other_inbound_ : inbound_) = control::Inbound::kUnknown;
}

control::Inbound OwnPlace::inbound() const {
  return mapped_inbound() == control::Inbound::kOpen ? control::Inbound::kOpen : inbound_;
}

control::Inbound OwnPlace::mapped_inbound() const {
  return mapped_port_ == port_ ? inbound_ : mapped_inbound_;
}

std::uint16_t OwnPlace::trial_port() const {
  using enum control::Inbound;
  if (port_ == 0 || inbound_ == kUnknown) return port_;
  const bool wanted = inbound_ == kClosed && mapped_inbound() == kUnknown;
  return wanted ? mapped_port_ : std::uint16_t{0};
}

control::Offer OwnPlace::offer(std::uint32_t round, const control::OfferToken& token,
                               std::uint16_t punch_port) const {
  using control::Candidate;
  control::Offer offer;
  offer.round = round;
  offer.token = token;
  offer.inbound = inbound();
  if (!policy_.enabled || port_ == 0 || !seen_ || !punch::is_offerable(seen_->ip)) return offer;
  bool seen_is_ours = false;
  offer.candidates = host_candidates(Candidate::Transport::kTcp, {port_, port_}, seen_is_ours);
  const bool by_mapping =
      inbound_ != control::Inbound::kOpen && inbound() == control::Inbound::kOpen;
  if (!seen_is_ours)
    offer.candidates.push_back({Candidate::Kind::kServerReflexive,
                                Candidate::Transport::kTcp,
                                {seen_->ip, by_mapping ? mapped_port_ : port_}});
  // Another family's translator, which may keep the port; where there is none, it is there already.
  for (const auto& one : stated_) {
    const auto is_there = [&](const Candidate& other) { return other.at.ip == one.address; };
    if (one.address != seen_->ip && std::ranges::none_of(offer.candidates, is_there))
      offer.candidates.push_back(
          {Candidate::Kind::kServerReflexive, Candidate::Transport::kTcp, {one.address, port_}});
  }
  for (auto& one : offer.candidates) {
    const bool is_seen = one.at.ip == seen_->ip;
    const bool let_in = (is_seen && offer.inbound == control::Inbound::kOpen) ||
                        (other_ == one.at.ip && other_inbound_ == control::Inbound::kOpen);
    // Of a port that barriers let out to, because the peer gets to no other one.
    const bool chosen = !let_in || punch_port == punch::kWebPort;
    if (chosen && (is_seen || is_stated(one.at.ip))) one.at.port = punch_port;
  }
  offer.statements = statements();
  offer.other_inbound = other_inbound_;
  return offer;
}

std::vector<control::Candidate> OwnPlace::host_candidates(control::Candidate::Transport transport,
                                                          UdpPorts ports,
                                                          bool& seen_is_ours) const {
  std::vector<control::Candidate> out;
  for (const auto& network : discover_local_network().subnets) {
    const auto port = ports.of(network.address);
    if (!punch::is_offerable(network.address) || port == 0) continue;
    seen_is_ours |= network.address == seen_->ip;
    const bool is_public = network.address == seen_->ip || is_stated(network.address);
    if (!is_public && !policy_.lan) continue;
    if (out.size() < kMostHostCandidates)
      out.push_back({control::Candidate::Kind::kHost, transport, {network.address, port}});
  }
  return out;
}

std::vector<control::Candidate> OwnPlace::udp_candidates(
    UdpPorts ports, const std::vector<SocketAddress>& mapped) const {
  using control::Candidate;
  if (!policy_.enabled || !seen_ || !punch::is_offerable(seen_->ip)) return {};
  bool seen_is_ours = false;
  auto out = host_candidates(Candidate::Transport::kUdp, ports, seen_is_ours);
  const auto add = [&](const SocketAddress& at) {
    const Candidate one{Candidate::Kind::kServerReflexive, Candidate::Transport::kUdp, at};
    const auto same = [&](const Candidate& other) { return other.at == at; };
    if (at.port != 0 && std::ranges::none_of(out, same)) out.push_back(one);
  };
  if (udp_mapped_port_ != 0 && ports.four != 0 && seen_->ip.is_v4())
    add({seen_->ip, udp_mapped_port_});
  for (const auto& one : mapped) add(one);
  // Most barriers keep the port, and some have a rule of their owner's that leads here.
  if (!seen_is_ours) add({seen_->ip, ports.of(seen_->ip)});
  return out;
}

bool OwnPlace::is_stated(const IpAddress& address) const {
  return std::ranges::any_of(stated_, [&](const Stated& one) { return one.address == address; });
}

bool OwnPlace::set_stated(const crypto::AddressStatement& said, ByteVector statement,
                          UnixTime now) {
  const bool known = std::ranges::any_of(stated_, [&](const Stated& one) {
    return one.address == said.address && now <= one.not_after;
  });
  std::erase_if(stated_,
                [&](const Stated& one) { return one.address.is_v4() == said.address.is_v4(); });
  stated_.push_back({said.address, said.not_after, std::move(statement)});
  note_other();
  return !known;
}

void OwnPlace::forget_stated(bool v4, const std::optional<IpAddress>& but) {
  std::erase_if(stated_,
                [&](const Stated& one) { return one.address.is_v4() == v4 && one.address != but; });
  note_other();
}

std::vector<IpAddress> OwnPlace::stated() const {
  std::vector<IpAddress> out;
  for (const auto& one : stated_) out.push_back(one.address);
  return out;
}

std::vector<ByteVector> OwnPlace::statements() const {
  std::vector<ByteVector> out;
  for (const auto& one : stated_) out.push_back(one.statement);
  return out;
}

punch::Ground OwnPlace::ground(const std::optional<SocketAddress>& peer_seen,
                               std::vector<IpAddress> peer_stated) const {
  punch::Ground ground;
  if (seen_) ground.own_seen = seen_->ip;
  if (peer_seen) ground.peer_seen = peer_seen->ip;
  ground.own_stated = stated();
  ground.peer_stated = std::move(peer_stated);
  ground.own_networks = discover_local_network().subnets;
  ground.lan_allowed = policy_.lan;
  ground.own_inbound = inbound();
  ground.own_other_inbound = other_inbound_;
  return ground;
}

}  // namespace culvert::agent
