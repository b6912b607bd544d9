// agent/opener_ttl.h: how far a packet has to go to open this machine's barriers and not reach
// those of a peer: the number of hops to the first router with a public address, asked by packets
// that die on the way to a discovery server (ICMP time exceeded, told by IP_RECVERR, no
// privilege). Where our own address is public, that router may be our firewall, whose rules a
// packet that dies there does not see: one hop more, if there is a router.
//
// Why: a router that lets packets for itself in keeps an entry for a peer's probe that comes too
// early; the own flow then gets another port outside, and nothing is found. Nothing is known where
// no router answers: then there is no opener.
#pragma once
#include <array>
#include <optional>

#include "agent/own_endpoint.h"
#include "tunnel/loop/fd_watch.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

class OpenerTtl final : private loop::FdWatch::Listener, private loop::Timer::Listener {
 public:
  static constexpr int kMostHops = 6;
  static constexpr std::chrono::milliseconds kLimit{1000};

  explicit OpenerTtl(const OwnEndpoint& self) : self_(self), timer_(self.loop, *this) {}
  void look(const SocketAddress& server);  // what was known is forgotten; IPv4
  std::optional<int> ttl() const { return ttl_; }

 private:
  void on_fd_ready(loop::FdWatch&, bool, bool) override;
  void on_timer(loop::Timer&) override;

  const OwnEndpoint& self_;
  struct Hop {
    UniqueFd fd;
    std::optional<loop::FdWatch> watch;
    std::optional<IpAddress> router;
  };
  std::array<Hop, kMostHops> hops_;  // of TTL 1, 2 ...
  bool own_is_public_ = false;
  std::optional<int> ttl_;
  loop::Timer timer_;
};

}  // namespace culvert::agent
