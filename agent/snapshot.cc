#include "agent/snapshot.h"

#include "tunnel/restart/state.h"

namespace culvert::agent {
namespace {

using restart::put_list;
using restart::take_list;

void encode(const PeerSnapshot& peer, Writer& out) {
  out.text16(peer.name);
  out.bytes(peer.key.view());
  session::encode(peer.link, out);
  flow::encode(peer.flows, out);
}

Result<PeerSnapshot> take_peer(Reader& in) {
  PeerSnapshot peer;
  peer.name = in.text16();
  peer.key = crypto::PublicKey{in.array<32>()};
  auto link = session::decode_link_snapshot(in, mux::Role::kInitiator);
  if (!link) return fail(link.error());
  peer.link = std::move(*link);
  flow::decode(in, peer.flows);
  return peer;
}

void encode(const IncomingSnapshot& session, Writer& out) {
  out.text16(session.caller);
  out.bytes(session.key.view());
  session::encode(session.link, out);
  flow::encode(session.flows, out);
}

Result<IncomingSnapshot> take_incoming(Reader& in) {
  IncomingSnapshot session;
  session.caller = in.text16();
  session.key = crypto::PublicKey{in.array<32>()};
  auto link = session::decode_link_snapshot(in, mux::Role::kResponder);
  if (!link) return fail(link.error());
  session.link = std::move(*link);
  flow::decode(in, session.flows);
  return session;
}

void encode(const SocketAddress& address, Writer& out) {
  out.u32(address.ip.v4_value());
  out.u16(address.port);
}

SocketAddress take_address(Reader& in) {
  const auto ip = IpAddress::v4(in.u32());
  return {ip, in.u16()};
}

template <class List, class Take>
Result<void> take_all(Reader& in, List& into, Take take) {
  for (auto left = in.u32(); left != 0 && in.ok(); --left) {
    auto one = take(in);
    if (!one) return fail(one.error());
    into.push_back(std::move(*one));
  }
  return {};
}

constexpr std::uint8_t kKernelChose = 1, kShown = 2, kAsksAccepted = 4;

}  // namespace

void encode(const std::vector<WatchedListener>& listeners, Writer& out) {
  put_list(out, listeners, [&](const WatchedListener& listener) {
    const bool shown = listener.cookie != 0 && listener.asker.shown == listener.cookie;
    out.u64(listener.cookie);
    out.u32(static_cast<std::uint32_t>(listener.asker.pid));
    out.u32(listener.asker.uid);
    out.u8(static_cast<std::uint8_t>((listener.kernel_chose ? kKernelChose : 0) |
                                     (shown ? kShown : 0) |
                                     (listener.asks_accepted ? kAsksAccepted : 0)));
    out.text16(listener.program);
    out.text16(listener.token);
    if (!listener.token.empty()) encode(listener.local, out);
  });
}

void take_listeners(Reader& in, std::vector<WatchedListener>& into) {
  take_list(in, into, [&] {
    WatchedListener listener;
    listener.cookie = in.u64();
    listener.asker.pid = static_cast<pid_t>(in.u32());
    listener.asker.uid = in.u32();
    const auto flags = in.u8();
    listener.kernel_chose = (flags & kKernelChose) != 0;
    listener.asks_accepted = (flags & kAsksAccepted) != 0;
    if ((flags & kShown) != 0) listener.asker.shown = listener.cookie;
    listener.program = in.text16();
    listener.token = in.text16();
    if (!listener.token.empty()) listener.local = take_address(in);
    return listener;
  });
}

ByteVector encode(const AgentSnapshot& snapshot) {
  ByteVector bytes;
  Writer out(bytes);
  restart::begin_state(out, restart::Daemon::kAgent);
  out.bytes(snapshot.self.view());
  out.u64(snapshot.control_socket);
  out.u64(snapshot.control_inode);
  out.u32(snapshot.next_query);
  out.u8(snapshot.uplink ? 1 : 0);
  if (snapshot.uplink) encode(*snapshot.uplink, out);
  put_list(out, snapshot.peers, [&](const auto& peer) { encode(peer, out); });
  put_list(out, snapshot.incoming, [&](const auto& session) { encode(session, out); });
  encode(snapshot.listeners, out);
  encode(snapshot.udp_listeners, out);
  put_list(out, snapshot.ports, [&](const PortSnapshot& port) {
    out.u64(port.socket);
    encode(port.to, out);
    encode(port.bound, out);
  });
  return bytes;
}

Result<AgentSnapshot> decode_agent_snapshot(Bytes bytes) {
  Reader in(bytes);
  CULVERT_RETURN_IF_ERROR(restart::check_head(in, restart::Daemon::kAgent));
  AgentSnapshot snapshot;
  snapshot.self = crypto::PublicKey{in.array<32>()};
  snapshot.control_socket = in.u64();
  snapshot.control_inode = in.u64();
  snapshot.next_query = in.u32();
  if (in.u8() != 0) {
    auto uplink = take_peer(in);
    if (!uplink) return fail(uplink.error());
    snapshot.uplink = std::move(*uplink);
  }
  CULVERT_RETURN_IF_ERROR(take_all(in, snapshot.peers, take_peer));
  CULVERT_RETURN_IF_ERROR(take_all(in, snapshot.incoming, take_incoming));
  take_listeners(in, snapshot.listeners);
  take_listeners(in, snapshot.udp_listeners);
  take_list(in, snapshot.ports, [&] {
    PortSnapshot port;
    port.socket = in.u64();
    port.to = take_address(in);
    port.bound = take_address(in);
    return port;
  });
  if (!in.done())
    return fail(ErrorCode::kBadInput, "the state left by an earlier process is damaged");
  return snapshot;
}

}  // namespace culvert::agent
