// A session that was answered here, from one process of the agent to the next one.
#include "agent/incoming_session.h"
#include "tunnel/base/log.h"

namespace culvert::agent {

IncomingSession::IncomingSession(IncomingPolicy policy, const IncomingSnapshot& from,
                                 restart::Inherited& sockets, Listener& listener)
    : policy_(policy),
      caller_(from.caller),
      listener_(listener),
      since_(loop::Loop::wall_clock()),
      key_(from.key),
      session_(from.link.name),
      link_(std::make_unique<session::SessionLink>(
          policy.self.loop, from.link, policy.self.grace,
          static_cast<session::SessionLink::Listener&>(*this))),
      datagrams_(policy.self.loop) {
  go_on(from, sockets);
}

// Streams whose program is not connected yet are opened anew by the link itself.
void IncomingSession::go_on(const IncomingSnapshot& from, restart::Inherited& sockets) {
  flow::go_on(from.flows, session::streams_with_owners(from.link), sockets, policy_.self.loop,
              *link_, flows_);
  log::info(
      "peer",
      {{"event", "kept"}, {"name", caller_}, {"role", "answerer"}, {"streams", flows_.size()}});
}

std::optional<IncomingSnapshot> IncomingSession::take_snapshot(restart::Outgoing& out) {
  if (link_ == nullptr) return std::nullopt;
  IncomingSnapshot snapshot;
  snapshot.caller = caller_;
  snapshot.key = key_;
  snapshot.flows = flow::take_snapshots(flows_, *link_, out);
  snapshot.link = link_->take_snapshot();
  snapshot.link.name = session_;
  return snapshot;
}

}  // namespace culvert::agent
