// tunnel/punch/plan.h: where packets go in one burst, besides the addresses that the peer names, if
// one barrier or both give each destination another port. Sans-IO. Both sides make their own half
// out of the same two descriptions.
//
//   a sequence and a known port: the ports that come next, from the other side a few sockets
//   two sequences: both send from many sockets to one port in the middle of what comes next at the
//     other side; one of its sockets has it, and sends to ours that has the one in the middle here
//   ports by chance and a known port: as many sockets here as ports are tried there (birthdays)
//   ports by chance out of few and a sequence: each packet from here is one guess, so many go
//   the same on both sides: a packet is a guess of one port there, and gets one port here
//
// The last two only where a barrier gives one port to several destinations at a time (`shared`):
// others would have none left for anybody else. All else would take too many packets: the relay is
// kinder.
//
// A home router holds a thousand mappings or so. What may be spent in one burst is the budget; with
// less than it takes, the burst succeeds with some probability, and is repeated (chances.h).
#pragma once
#include <string>
#include <vector>

#include "tunnel/base/random.h"
#include "tunnel/control/path_offer.h"

namespace culvert::punch {

inline constexpr std::size_t kMostMappings = 200;  // in one burst, if nobody says otherwise

struct Shot {
  std::size_t socket = 0;  // 0: the one that all paths share; 1 ... `sockets` of the plan: further
  SocketAddress to;
};
struct Plan {
  std::size_t sockets = 0;
  std::vector<Shot> shots;  // each makes a mapping, at one of the two barriers at least
  // Of one burst, for the whole pair: 1 where ports are predicted. Below: it is worth repeating.
  double probability = 1;
  bool by_chance = false;   // birthdays: many mappings; to be tried when nothing else led anywhere
  bool draws_here = false;  // the shots take new ports of our own barrier in every burst
  bool empty() const { return shots.empty(); }
};

// `peer`: the best address that it names, outside its barrier. `budget`: mappings.
Plan plan_burst(const control::Allocation& own, const control::Allocation& peers,
                const SocketAddress& peer, std::size_t budget, Random& random);

// Why none is made, for people; empty: plain probes are all it takes, or there is a plan.
std::string why_no_burst(const control::Allocation& own, const control::Allocation& peers);

}  // namespace culvert::punch
