// agent/snapshot.h: what the agent leaves to its next process: the control socket, the sessions,
// the sockets of programs, what they listen on. Connects that are still held are not in it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "agent/listener_watch.h"
#include "tunnel/base/address.h"
#include "tunnel/base/byte_codec.h"
#include "tunnel/crypto/keys.h"
#include "tunnel/flow/flow_snapshot.h"
#include "tunnel/session/link_snapshot.h"

namespace culvert::agent {

struct PeerSnapshot {  // a session that programs here began; to the service: no name, no key
  std::string name;
  crypto::PublicKey key;
  session::LinkSnapshot link;
  std::vector<flow::FlowSnapshot> flows;
};

struct IncomingSnapshot {
  std::string caller;
  crypto::PublicKey key;
  session::LinkSnapshot link;
  std::vector<flow::FlowSnapshot> flows;
};

struct PortSnapshot {  // a UDP port of a virtual address
  std::uint64_t socket = 0;
  SocketAddress to, bound;  // IPv4
};

struct AgentSnapshot {
  crypto::PublicKey self;  // sessions of another key cannot be resumed
  std::uint64_t control_socket = 0, control_inode = 0;
  std::uint32_t next_query = 1;  // an old answer must not be taken for a new one
  std::optional<PeerSnapshot> uplink;
  std::vector<PeerSnapshot> peers;
  std::vector<IncomingSnapshot> incoming;
  std::vector<WatchedListener> listeners, udp_listeners;
  std::vector<PortSnapshot> ports;
};

// Without what is said of where they are.
void encode(const std::vector<WatchedListener>& listeners, Writer& out);
void take_listeners(Reader& in, std::vector<WatchedListener>& into);

ByteVector encode(const AgentSnapshot& snapshot);
Result<AgentSnapshot> decode_agent_snapshot(Bytes bytes);

}  // namespace culvert::agent
