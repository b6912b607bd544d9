// agent/relay_leg.h: a session's place at the service's relay for packets (PROTOCOL.md section
// 7.3): a stream in the session with the service, whose datagrams the other endpoint gets, by UDP
// or in carriers as either can. Opened when it is needed, closed after kIdle without packets.
#pragma once
#include <optional>
#include <string>

#include "agent/stream_opening.h"
#include "tunnel/control/target.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

// The session with the service, as those who want a place there see it.
class RelayDoor {
 public:
  virtual Result<void> open_relay(const control::Target& target, StreamOpening& opening) = 0;
  virtual bool sends_by_udp() const = 0;  // what is sent to the service goes by UDP
  virtual void want_udp() = 0;

 protected:
  ~RelayDoor() = default;
};

class RelayLeg final : private StreamOpening, private loop::Timer::Listener {
 public:
  static constexpr std::chrono::seconds kIdle{60}, kPause{10};  // after a refusal
  static constexpr std::size_t kMostOctets = 2048;              // of a packet: longer ones are rare

  class Listener {
   public:
    // Of one arrival; gone when this returns. May not destroy the leg.
    virtual void on_relayed(std::span<const mux::ArrivedDatagram> packets) = 0;

   protected:
    ~Listener() = default;
  };

  RelayLeg(loop::Loop& loop, RelayDoor& door, Listener& listener);
  ~RelayLeg();

  void open(const std::string& token);  // unless it is, or was refused just now
  // UDP legs from here to the other endpoint: 0 to 2; 0 also where it is not there.
  int udp_legs() const;
  void send(Bytes packet);

 private:
  void on_stream_opening(session::SessionLink& link, mux::StreamId stream) override;
  void on_opening_failed(const Error& why) override;
  void on_stream_accepted() override {}
  void on_stream_readable() override;
  void on_stream_writable() override {}
  void on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) override;
  void on_stream_reset(const Error& why) override;
  void on_timer(loop::Timer& timer) override;
  void close();

  loop::Loop& loop_;
  RelayDoor& door_;
  Listener& listener_;
  session::SessionLink* link_ = nullptr;
  mux::StreamId stream_{};
  control::RelayedBy other_ = control::RelayedBy::kNobody;
  std::string token_;
  std::optional<TimePoint> not_before_;
  bool used_ = false;
  loop::Timer timer_;
};

}  // namespace culvert::agent
