// agent/peer_way.h: what carries a session between two endpoints at the moment, for people.
#pragma once
#include <string>

namespace culvert::agent {

struct PeerWay {
  std::string via = "relay";  // or "direct", "reversed", "punched", "quic"
  std::string with;           // address and port of the peer; of the relay nothing
  bool operator==(const PeerWay&) const = default;
};

}  // namespace culvert::agent
