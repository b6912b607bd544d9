// agent/peer_sessions.h: one outgoing session for each remote endpoint in use.
#pragma once
#include <list>
#include <memory>

#include "agent/peer_session.h"

namespace culvert::agent {

class PeerSessions final : private PeerSession::Listener {
 public:
  static constexpr std::size_t kMost = 1024;

  class Listener {
   public:
    virtual void on_peers_changed() = 0;  // a session was begun or has ended; see all()

   protected:
    ~Listener() = default;
  };

  PeerSessions(const OwnEndpoint& self, const OwnPlace& place, UdpPlace& udp, Uplink& uplink,
               PeerKeys& keys, Listener& listener)
      : self_(self), place_(place), udp_(udp), uplink_(uplink), keys_(keys), listener_(listener) {}

  void open(const std::string& name, const control::Target& target, StreamOpening& opening);
  void cancel(StreamOpening& opening);
  PeerSession& go_on(const PeerSnapshot& from);
  void close_all(const std::string& reason);
  void network_changed();
  void place_changed();  // of this machine
  // A sentence on what carries the session to that endpoint, and why; empty: there is none.
  std::string path_to(const std::string& name) const;
  // Whose offer that is; null: nobody's.
  DirectCaller* awaiting(const control::OfferToken& token);
  const std::list<std::unique_ptr<PeerSession>>& all() const { return sessions_; }

 private:
  void on_peer_session_ended(PeerSession& session) override;

  const OwnEndpoint& self_;
  const OwnPlace& place_;
  UdpPlace& udp_;
  Uplink& uplink_;
  PeerKeys& keys_;
  Listener& listener_;
  std::list<std::unique_ptr<PeerSession>> sessions_;
};

}  // namespace culvert::agent
