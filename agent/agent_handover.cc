// The agent's part of `systemctl restart`: from one process to the next one.
#include "agent/agent.h"
#include "tunnel/base/log.h"

namespace culvert::agent {
namespace {

std::vector<WatchedListener> watched(const std::map<std::uint64_t, ProgramListener>& listeners) {
  std::vector<WatchedListener> all;
  all.reserve(listeners.size());
  for (const auto& [cookie, listener] : listeners) all.push_back(as_told(listener));
  return all;
}

}  // namespace

void Agent::prepare_to_leave() {
  if (stopping_ || leave_at_) return;
  gate_.stop_asking();
  if (wide_gate_) wide_gate_->pause();
  leave_at_ = self_.loop.now() + kLeaveLimit;
  timer_.start(Duration::zero());
}

ByteVector Agent::hand_over(restart::Outgoing& out) {
  mapper_six_.leave();
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
  auto told = told_listeners();
  snapshot.listeners = std::move(told.tcp);
  snapshot.udp_listeners = std::move(told.udp);
  snapshot.ports = datagrams_.take_snapshots(out);
  return encode(snapshot);
}

void Agent::take_over(restart::Estate estate) {
  if (estate.state.empty()) return take_up_listeners();
  const auto from = decode_agent_snapshot(estate.state);
  const bool ours = from && from->self == self_.identity.key.public_key;
  if (ours) return go_on(*from, estate.sockets);
  log::warning("restart",
               {{"event", "started-fresh"},
                {"why", from ? "this machine was enrolled again" : from.error().detail}});
  take_up_listeners();
}

void Agent::keep_listeners() {
  listener_file_.emplace(self_.loop, config_.state_directory + "/listeners", boot_of_machine(),
                         static_cast<const ListenerFile::Source&>(*this));
}

ToldListeners Agent::told_listeners() const {
  return {watched(gate_.listeners(Protocol::kTcp)), watched(gate_.listeners(Protocol::kUdp))};
}

// Of an agent that was killed, or stopped. As if the shims told it now.
void Agent::take_up_listeners() {
  if (!listener_file_) return;
  auto left = listener_file_->load();
  if (!left)
    return log::warning("listen", {{"event", "forgotten"},
                                   {"why", left.error().detail},
                                   {"effect",
                                    "programs that have listened before have to be "
                                    "started again to be published"}});
  gate_.watch_those_left(Protocol::kTcp, std::move(left->tcp));
  gate_.watch_those_left(Protocol::kUdp, std::move(left->udp));
  listener_file_->changed();  // those that are gone leave it
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
  gate_.watch_those_left(Protocol::kTcp, from.listeners);
  gate_.watch_those_left(Protocol::kUdp, from.udp_listeners);
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
