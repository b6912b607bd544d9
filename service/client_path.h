// service/client_path.h: the service's end of the UDP path of an endpoint's session (PROTOCOL.md
// section 7.2): datagrams of its streams go there instead of the carrier, each direction as soon as
// it is known to pass. The endpoint begins the rounds; the service asks for one when it has
// something to send.
//
// Sends to, and hears, the address that the endpoint's session comes from, and those that it was
// stated to receive at (address_prover.h): by a lie the endpoint harms itself.
#pragma once
#include <optional>
#include <vector>

#include "service/path_packets.h"
#include "tunnel/control/messages.h"
#include "tunnel/loop/timer.h"
#include "tunnel/punch/candidates.h"
#include "tunnel/punch/patience.h"
#include "tunnel/session/session_link.h"

namespace culvert::service {

class ClientPath final : private session::SessionLink::DatagramPath,
                         private PathPackets::Receiver,
                         private loop::Timer::Listener,
                         private loop::Deferred {
 public:
  static constexpr std::chrono::milliseconds kLeastPause{500};  // between rounds
  static constexpr std::chrono::seconds kRoundInVain{1};  // where there is nobody to be probed

  class Listener {
   public:
    virtual void on_client_path_changed() = 0;  // up, or not any more; may not destroy it

   protected:
    ~Listener() = default;
  };

  // All of them outlive it. `mailbox`: of this loop.
  ClientPath(loop::Loop& loop, loop::Mailbox& mailbox, PathPackets& packets,
             session::SessionLink& link, Listener& listener);
  ~ClientPath() override;

  // `seen`: where the endpoint's session comes from; `stated`: where it receives besides.
  void take(const control::PathOffer& offer, const std::optional<SocketAddress>& seen,
            std::vector<IpAddress> stated);
  void take(const control::PathSeen& seen);
  bool up() const { return core_.up(); }  // what is sent there arrives

 private:
  bool carry(mux::StreamId stream, Bytes datagram) override;
  void want() override;
  void on_path_packets(std::size_t socket, const SocketAddress& from,
                       const Parcel& packets) override;
  void on_timer(loop::Timer& timer) override;
  void run_deferred() override;
  void look_at_state();
  void arm();

  PathPackets& packets_;
  session::SessionLink& link_;
  Listener& listener_;
  PathPackets::Door door_;
  path::Path core_;
  std::optional<control::PathOffer> theirs_;  // the last
  std::optional<IpAddress> endpoint_;
  punch::Ground ground_;
  punch::Patience patience_;
  path::Path::State was_ = path::Path::State::kResting;
  TimePoint begun_at_{}, up_since_{}, rest_until_{};
  std::optional<TimePoint> armed_for_;
  loop::Timer timer_;
};

}  // namespace culvert::service
