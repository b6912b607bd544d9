// tunnel/punch/private_reach.h: how often packets go to private addresses in no network of this
// machine's own, because a peer behind the same NAT says that it is there. Sans-IO. Who receives
// them may be anybody, so whatever peers say, and however often they call, it stays at a few
// addresses and a few packets in an hour: no network is scanned, and no machine flooded.
#pragma once
#include <array>
#include <deque>
#include <span>

#include "tunnel/base/address.h"
#include "tunnel/base/time.h"

namespace culvert::punch {

class PrivateReach {
 public:
  static constexpr std::chrono::hours kRemembered{1};
  static constexpr std::size_t kMostOfPeer = 4, kMost = 32;  // addresses
  static constexpr int kMostRounds = 6;                      // of one address, in vain
  using Peer = std::span<const std::byte, 32>;               // its static key

  // A round of probes to that address begins. False: it must not.
  bool dial(Peer peer, const IpAddress& to, TimePoint now);
  // Packets of that peer's session come from there, and may be answered.
  bool hear(Peer peer, const IpAddress& from, TimePoint now);
  // That peer has answered there: it is no stranger's.
  void found(Peer peer, const IpAddress& at, TimePoint now);

 private:
  struct Known {
    std::array<std::byte, 32> peer;
    IpAddress at;
    TimePoint since;
    int rounds = 0;
  };
  Known* find(Peer peer, const IpAddress& at, TimePoint now);  // or remembers it, if allowed
  std::deque<Known> known_;                                    // the oldest first
};

}  // namespace culvert::punch
