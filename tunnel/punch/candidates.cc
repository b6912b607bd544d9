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

bool is_peers(const IpAddress& address, const Ground& ground) {
  return address == ground.peer_seen ||
         std::ranges::find(ground.peer_stated, address) != ground.peer_stated.end();
}

bool behind_the_same(const Ground& ground) {
  return ground.lan_allowed && ((ground.own_seen && is_peers(*ground.own_seen, ground)) ||
                                std::ranges::any_of(ground.own_stated, [&](const IpAddress& one) {
                                  return is_peers(one, ground);
                                }));
}

// As the service sees us by that family, that is no address of ours.
bool own_is_translated(bool v4, const Ground& ground) {
  const auto translated = [&](const IpAddress& seen) {
    return seen.is_v4() == v4 && !is_own(seen, ground);
  };
  return (ground.own_seen && translated(*ground.own_seen)) ||
         std::ranges::any_of(ground.own_stated, translated);
}

constexpr int kRankOfLan = 0, kRankWithoutNat = 1;

int rank_of(const Candidate& candidate, const Ground& ground) {
  const bool peers = candidate.kind != Candidate::Kind::kHost;
  return kRankWithoutNat + (peers ? 1 : 0) +
         (own_is_translated(candidate.at.ip.is_v4(), ground) ? 1 : 0);
}

bool is_neighbour(const Candidate& candidate, const Ground& ground) {
  return candidate.kind == Candidate::Kind::kHost && behind_the_same(ground) &&
         candidate.at.port >= kFirstOrdinaryPort && is_on_own_lan(candidate.at.ip, ground);
}

// Of what is_offerable() lets through.
bool is_private(const IpAddress& address) {
  return address.is_v4() ? !address.is_global() : (address.octets()[0] & 0xfe) == 0xfc;  // RFC 4193
}

bool is_beyond(const IpAddress& address, const Ground& ground) {
  return behind_the_same(ground) && is_private(address) && !is_on_own_lan(address, ground) &&
         !is_own(address, ground) && own_is_translated(/*v4=*/true, ground);
}

// Whether connections get in is tried where the session comes from, and at the stated address of
// the other family; of no other one it is known.
Inbound inbound_at(const IpAddress& address, const std::optional<IpAddress>& seen,
                   const control::Offer& offer) {
  if (seen == address) return offer.inbound;
  const bool other_family = seen && seen->is_v4() != address.is_v4();
  return other_family ? offer.other_inbound : Inbound::kUnknown;
}

// By that family the peer can dial us, whatever becomes of our own dial.
bool lets_in(bool v4, const Ground& ground) {
  if (!ground.own_seen) return false;
  const bool of_session = ground.own_seen->is_v4() == v4;
  return (of_session ? ground.own_inbound : ground.own_other_inbound) == Inbound::kOpen;
}

std::optional<IpAddress> own_six_outside(const Ground& ground) {
  const auto suits = [&](const IpAddress& one) { return !one.is_v4() && is_own(one, ground); };
  if (ground.own_seen && suits(*ground.own_seen)) return ground.own_seen;
  const auto found = std::ranges::find_if(ground.own_stated, suits);
  return found == ground.own_stated.end() ? std::nullopt : std::optional{*found};
}

std::optional<Dial> judge(const Candidate& candidate, const control::Offer& offer,
                          const Ground& ground) {
  const auto& at = candidate.at;
  const auto& ip = at.ip;
  if (candidate.transport != Candidate::Transport::kTcp || at.port == 0) return std::nullopt;
  if (!is_offerable(ip) || is_own(ip, ground)) return std::nullopt;
  if (is_peers(ip, ground)) {
    // A machine with a public address of its own may still sit behind a firewall: the trial tells.
    // It dials us, then, if we are let in.
    const auto inbound = inbound_at(ip, ground.peer_seen, offer);
    const bool punch = inbound != Inbound::kOpen && !lets_in(ip.is_v4(), ground);
    if (inbound == Inbound::kClosed && !punch) return std::nullopt;
    const bool by_six = punch && !ip.is_v4();
    return Dial{at, /*lan=*/false, punch, kRankWithoutNat,
                by_six ? own_six_outside(ground) : std::nullopt};
  }
  if (!is_neighbour(candidate, ground)) return std::nullopt;
  return Dial{at, /*lan=*/true, /*punch=*/false, kRankOfLan};
}

std::optional<Dial> judge_udp(const Candidate& candidate, const Ground& ground) {
  const auto& at = candidate.at;
  if (candidate.transport != Candidate::Transport::kUdp || at.port == 0) return std::nullopt;
  if (!is_offerable(at.ip) || is_own(at.ip, ground)) return std::nullopt;
  if (is_peers(at.ip, ground))
    return Dial{at, /*lan=*/false, /*punch=*/true, rank_of(candidate, ground)};
  if (is_neighbour(candidate, ground)) return Dial{at, /*lan=*/true, /*punch=*/true, kRankOfLan};
  if (candidate.kind != Candidate::Kind::kHost || at.port < kFirstOrdinaryPort ||
      !is_beyond(at.ip, ground))
    return std::nullopt;
  return Dial{at,
              /*lan=*/true,
              /*punch=*/true,
              kRankWithoutNat,
              /*from=*/std::nullopt,
              /*beyond=*/true};
}

// What `judge` lets through, once each; neighbours first.
template <class Judge>
std::vector<Dial> dials_of(const std::vector<Candidate>& candidates, const Ground& ground,
                           Judge judge) {
  std::vector<Dial> dials;
  if (!ground.peer_seen || !is_offerable(*ground.peer_seen)) return dials;
  std::size_t beyond = 0;
  for (const auto& candidate : candidates) {
    const std::optional<Dial> dial = judge(candidate);
    const auto same = [&](const Dial& other) { return other.to == dial->to; };
    if (!dial || std::ranges::any_of(dials, same)) continue;
    if (dial->beyond && beyond++ >= kMostBeyond) continue;
    dials.push_back(*dial);
  }
  std::ranges::stable_sort(dials, [](const Dial& a, const Dial& b) { return a.rank < b.rank; });
  if (dials.size() > kMostDials) dials.resize(kMostDials);
  return dials;
}

}  // namespace

bool is_offerable(const IpAddress& address) {
  return !address.is_unspecified() && !address.is_loopback() && !address.is_link_local() &&
         !address.is_multicast();
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
  return is_peers(from, ground) || (behind_the_same(ground) && is_on_own_lan(from, ground));
}

bool may_hear_beyond(const IpAddress& from, const Ground& ground) {
  return ground.peer_seen && is_offerable(from) && is_beyond(from, ground);
}

bool asks_for_web_port(const control::Offer& offer) {
  return std::ranges::any_of(offer.candidates, [](const Candidate& one) {
    return one.transport == Candidate::Transport::kTcp && one.at.port == kWebPort;
  });
}

std::string families_of(const std::vector<Dial>& dials) {
  const auto has = [&](bool v4) {
    return std::ranges::any_of(dials, [&](const Dial& one) { return one.to.ip.is_v4() == v4; });
  };
  std::string out = has(/*v4=*/true) ? "IPv4" : "";
  if (has(/*v4=*/false)) out += out.empty() ? "IPv6" : " and IPv6";
  return out;
}

std::string why_not_direct(Inbound own, Inbound peers, bool offered, const std::string& tried) {
  const auto by = tried.empty() ? "" : ", by " + tried;
  if (!offered) return "the other machine offers no direct path";
  const auto closed = [](Inbound inbound) { return inbound == Inbound::kClosed; };
  if (closed(own) && closed(peers))
    return "neither this machine nor the other one is let in from outside (the service tried), and "
           "connecting at the same time did not get through" +
           by;
  if (closed(peers)) return "the other machine is not let in from outside (the service tried)" + by;
  return "no direct connection came about" + by;
}

}  // namespace culvert::punch
