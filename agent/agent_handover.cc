// The agent's part of `systemctl restart`: from one process to the next one.
#include "agent/agent.h"
#include "agent/readiness.h"
#include "tunnel/base/log.h"

namespace culvert::agent {
namespace {

std::vector<WatchedListener> watched(const std::map<std::uint64_t, ProgramListener>& listeners) {
  std::vector<WatchedListener> all;
  for (const auto& [cookie, listener] : listeners) {
    all.push_back({cookie, listener.asker});
    all.back().kernel_chose = listener.kernel_chose;
    all.back().asks_accepted = listener.asks_accepted;
    if (!listener.stand_in) continue;
    all.back().token = listener.stand_in->token;
    all.back().local = listener.local;
  }
  return all;
}

}  // namespace

void Agent::prepare_to_leave() {
  if (stopping_ || leave_at_) return;
  tell_stopping("leaving connections to the next process");
  gate_.stop_asking();
  if (wide_gate_) wide_gate_->pause();
  leave_at_ = self_.loop.now() + kLeaveLimit;
  timer_.start(Duration::zero());
}

ByteVector Agent::hand_over(restart::Outgoing& out) {
  mapper_.leave();  // the next process has another direct port, or asks for this one again
  AgentSnapshot snapshot;
  snapshot.self = self_.identity.key.public_key;
  snapshot.control_inode = gate_.control().inode();
  snapshot.control_socket = out.add(gate_.control().pass_on());
  snapshot.next_query = uplink_.next_query();
  if (auto uplink = uplink_.take_snapshot()) {
    uplink->flows = flow::take_snapshots(flows_, *uplink_.link(), out);
    snapshot.uplink = std::move(*uplink);
  }
  for (const auto& session : peers_.all()) {
    auto peer = session->take_snapshot();
    if (!peer) continue;
    peer->flows = flow::take_snapshots(flows_, *session->link(), out);
    snapshot.peers.push_back(std::move(*peer));
  }
  for (const auto& session : incoming_)
    if (auto one = session->take_snapshot(out)) snapshot.incoming.push_back(std::move(*one));
  snapshot.listeners = watched(gate_.listeners(Protocol::kTcp));
  snapshot.udp_listeners = watched(gate_.listeners(Protocol::kUdp));
  snapshot.ports = datagrams_.take_snapshots(out);
  return encode(snapshot);
}

void Agent::take_over(restart::Estate estate) {
  if (estate.state.empty()) return;
  const auto from = decode_agent_snapshot(estate.state);
  const bool ours = from && from->self == self_.identity.key.public_key;
  if (ours) return go_on(*from, estate.sockets);
  log::warning("restart",
               {{"event", "started-fresh"},
                {"why", from ? "this machine was enrolled again" : from.error().detail}});
}

void Agent::go_on(const AgentSnapshot& from, restart::Inherited& sockets) {
  gate_.adopt_control(sockets.take(from.control_socket), from.control_inode);
  if (from.uplink) go_on(*from.uplink, uplink_.go_on(*from.uplink, from.next_query), sockets);
  for (const auto& peer : from.peers) go_on(peer, *peers_.go_on(peer).link(), sockets);
  for (const auto& session : from.incoming)
    incoming_.push_back(std::make_unique<IncomingSession>(
        policy(), session, sockets, static_cast<IncomingSession::Listener&>(*this)));
  datagrams_.go_on(from.ports, sockets);
  // As if the shims told it now: the kernel is asked what has become of the sockets.
  for (const auto& listener : from.listeners) gate_.watch_listener(Protocol::kTcp, listener);
  for (const auto& listener : from.udp_listeners) gate_.watch_listener(Protocol::kUdp, listener);
  datagrams_.seats().drop_unused();
  tell_expected();
}

void Agent::go_on(const PeerSnapshot& from, session::SessionLink& link,
                  restart::Inherited& sockets) {
  // Of connects that were still held, too.
  flow::go_on(from.flows, session::streams_with_owners(from.link), sockets, self_.loop, link,
              flows_);
  log::info("restart", {{"event", "kept"},
                        {"session", from.name.empty() ? "service" : from.name},
                        {"streams", from.flows.size()}});
}

}  // namespace culvert::agent
