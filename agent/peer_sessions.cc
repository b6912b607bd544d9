#include "agent/peer_sessions.h"

#include <algorithm>

namespace culvert::agent {

void PeerSessions::open(const std::string& name, const control::Target& target,
                        StreamOpening& opening) {
  const auto find = [&] {
    return std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& session) {
      return session->name() == name && !session->ending();
    });
  };
  auto found = find();
  if (found != sessions_.end() && (*found)->gave_up_old_key()) found = find();
  if (found == sessions_.end()) {
    if (sessions_.size() >= kMost)
      return opening.on_opening_failed(
          {ErrorCode::kExhausted, "too many remote endpoints are in use"});
    found = sessions_.insert(
        sessions_.end(), std::make_unique<PeerSession>(self_, place_, udp_, uplink_, keys_, name,
                                                       static_cast<PeerSession::Listener&>(*this)));
    listener_.on_peers_changed();
  }
  (*found)->open(target, opening);
}

PeerSession& PeerSessions::go_on(const PeerSnapshot& from) {
  sessions_.push_back(std::make_unique<PeerSession>(self_, place_, udp_, uplink_, keys_, from,
                                                    static_cast<PeerSession::Listener&>(*this)));
  return *sessions_.back();
}

void PeerSessions::cancel(StreamOpening& opening) {
  for (const auto& session : sessions_) session->cancel(opening);
}

void PeerSessions::close_all(const std::string& reason) {
  for (const auto& session : sessions_) session->close(reason);
}

void PeerSessions::network_changed() {
  for (const auto& session : sessions_) session->network_changed();
}

void PeerSessions::place_changed() {
  for (const auto& session : sessions_) session->place_changed();
}

std::string PeerSessions::path_to(const std::string& name) const {
  for (const auto& session : sessions_) {
    if (session->name() != name || session->ending() || session->link() == nullptr) continue;
    const auto& way = session->way();
    const auto why = session->why_not_direct();
    auto path =
        way.with.empty()
            ? "Its session goes through the relay" + (why.empty() ? "." : ": " + why + ".")
            : "Its session is on a path without the relay: " + way.via + ", " + way.with + ".";
    if (const auto* const udp = session->udp(); udp != nullptr && udp->is_wanted())
      path +=
          udp->up() ? "\nDatagrams take a UDP path of their own: " + udp->peer().to_string() + "."
          : udp->by_service()
              ? "\nDatagrams go by the service, without a UDP path of their own: " + udp->why() +
                    "."
              : "\nDatagrams travel inside it, without a UDP path: " + udp->why() + ".";
    return path;
  }
  return {};
}

DirectCaller* PeerSessions::awaiting(const control::OfferToken& token) {
  for (const auto& session : sessions_)
    if (auto* const direct = session->direct(); direct != nullptr && direct->awaits(token))
      return direct;
  return nullptr;
}

void PeerSessions::on_peer_session_ended(PeerSession& ended) {
  std::erase_if(sessions_, [&](const auto& session) { return session.get() == &ended; });
  listener_.on_peers_changed();
}

}  // namespace culvert::agent
