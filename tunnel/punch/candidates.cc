#include "tunnel/punch/candidates.h"

#include <algorithm>

namespace culvert::punch {
namespace {

using control::Candidate;
using control::Inbound;

constexpr std::uint16_t kFirstOrdinaryPort = 1024;

bool is_own(const IpAddress& address, const Ground& ground) {
  return std::ranges::any_of(ground.own_networks,
                             [&](const IpPrefix& own) { return own.address == address; });
}

bool is_on_own_lan(const IpAddress& address, const Ground& ground) {
  return std::ranges::any_of(ground.own_networks, [&](const IpPrefix& own) {
    return own.length < own.address.bit_count() && own.contains(address);
  });
}

bool behind_the_same(const Ground& ground) {
  return ground.lan_allowed && ground.own_seen && *ground.own_seen == *ground.peer_seen;
}

bool is_neighbour(const Candidate& candidate, const Ground& ground) {
  return candidate.kind == Candidate::Kind::kHost && behind_the_same(ground) &&
         candidate.at.port >= kFirstOrdinaryPort && is_on_own_lan(candidate.at.ip, ground);
}

std::optional<Dial> judge(const Candidate& candidate, const control::Offer& offer,
                          const Ground& ground) {
  const auto& at = candidate.at;
  const auto& ip = at.ip;
  if (candidate.transport != Candidate::Transport::kTcp || at.port == 0) return std::nullopt;
  if (!is_offerable(ip) || is_own(ip, ground)) return std::nullopt;
  if (ip == *ground.peer_seen) {
    // A machine with a public address of its own may still sit behind a firewall: the trial tells.
    // It dials us, then, if we are let in.
    const bool punch = offer.inbound != Inbound::kOpen && ground.own_inbound != Inbound::kOpen;
    if (offer.inbound == Inbound::kClosed && !punch) return std::nullopt;
    return Dial{at, /*lan=*/false, punch};
  }
  if (!is_neighbour(candidate, ground)) return std::nullopt;
  return Dial{at, /*lan=*/true, /*punch=*/false};
}

std::optional<Dial> judge_udp(const Candidate& candidate, const Ground& ground) {
  const auto& at = candidate.at;
  if (candidate.transport != Candidate::Transport::kUdp || at.port == 0) return std::nullopt;
  if (!is_offerable(at.ip) || is_own(at.ip, ground)) return std::nullopt;
  if (at.ip == *ground.peer_seen) return Dial{at, /*lan=*/false, /*punch=*/true};
  if (!is_neighbour(candidate, ground)) return std::nullopt;
  return Dial{at, /*lan=*/true, /*punch=*/true};
}

// What `judge` lets through, once each; neighbours first.
template <class Judge>
std::vector<Dial> dials_of(const std::vector<Candidate>& candidates, const Ground& ground,
                           Judge judge) {
  std::vector<Dial> dials;
  if (!ground.peer_seen || !is_offerable(*ground.peer_seen)) return dials;
  for (const auto& candidate : candidates) {
    const std::optional<Dial> dial = judge(candidate);
    if (dial && std::ranges::find(dials, *dial) == dials.end()) dials.push_back(*dial);
  }
  std::ranges::stable_sort(dials, [](const Dial& a, const Dial& b) { return a.lan > b.lan; });
  if (dials.size() > kMostDials) dials.resize(kMostDials);
  return dials;
}

}  // namespace

bool is_offerable(const IpAddress& address) {
  const auto meant = address.canonical();
  if (meant.is_v4()) {
    const auto value = meant.v4_value();
    const auto first = value >> 24;
    const bool link_local = value >> 16 == 0xa9fe;
    return first != 0 && first != 127 && first < 224 && !link_local;
  }
  const auto& octets = meant.octets();
  const bool link_local = octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
  const bool nothing_or_loopback =
      std::all_of(octets.begin(), octets.end() - 1, [](std::uint8_t octet) { return octet == 0; });
  return octets[0] != 0xff && !link_local && !nothing_or_loopback;
}

std::vector<Dial> tcp_dials(const control::Offer& offer, const Ground& ground) {
  return dials_of(offer.candidates, ground,
                  [&](const Candidate& one) { return judge(one, offer, ground); });
}

std::vector<Dial> udp_dials(const std::vector<Candidate>& candidates, const Ground& ground) {
  return dials_of(candidates, ground, [&](const Candidate& one) { return judge_udp(one, ground); });
}

bool may_hear(const IpAddress& from, const Ground& ground) {
  if (!ground.peer_seen || !is_offerable(from)) return false;
  return from == *ground.peer_seen || (behind_the_same(ground) && is_on_own_lan(from, ground));
}

std::string why_not_direct(Inbound own, Inbound peers, bool offered) {
  if (!offered) return "the other machine offers no direct path";
  const auto closed = [](Inbound inbound) { return inbound == Inbound::kClosed; };
  if (closed(own) && closed(peers))
    return "neither this machine nor the other one is let in from outside (the service tried), and "
           "connecting at the same time did not get through";
  if (closed(peers)) return "the other machine is not let in from outside (the service tried)";
  return "no direct connection came about";
}

}  // namespace culvert::punch
