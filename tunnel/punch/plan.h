// tunnel/punch/plan.h: where packets go in one burst, besides the addresses that the peer names, if
// one barrier or both give each destination another port. Sans-IO. Both sides make their own half
// out of the same two descriptions.
//
//   a sequence and a known port: the ports that come next, from the other side a few sockets
//   two sequences: both send from many sockets to one port in the middle of what comes next at the
//     other side; one of its sockets has it, and sends to ours that has the one in the middle here
//   a small range and a known port: as many sockets as ports are tried (birthdays)
//
// All else would take too many packets: the relay is kinder. A home router holds a thousand or so
// mappings, so kMostMappings of them are used at a time, for a moment.
#pragma once
#include <string>
#include <vector>

#include "tunnel/base/random.h"
#include "tunnel/control/path_offer.h"

namespace culvert::punch {

inline constexpr std::size_t kMostMappings = 200;

struct Plan {
  std::size_t sockets = 0;  // further ones, each of which sends to `each`
  SocketAddress each;
  std::vector<SocketAddress> from_shared;  // the socket that all paths share sends there
  bool empty() const { return sockets == 0 && from_shared.empty(); }
};

// `peer`: the best address that it names, outside its barrier.
Plan plan_burst(const control::Allocation& own, const control::Allocation& peers,
                const SocketAddress& peer, Random& random);

// Why none is made, for people; empty: plain probes are all it takes, or there is a plan.
std::string why_no_burst(const control::Allocation& own, const control::Allocation& peers);

}  // namespace culvert::punch
