// service/inbound_trial.h: whether an endpoint is let be reached from outside: one TCP connection
// to an address of its own, at a port it named, and a secret it gave. Sends
// 20 octets and believes only their repetition; so nobody else can be made to answer for it.
#pragma once
#include <memory>
#include <optional>

#include "tunnel/control/messages.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/tcp_dial.h"

namespace culvert::service {

class InboundTrial final : private loop::TcpDial::Listener,
                           private loop::BytePipe::Listener,
                           private loop::Timer::Listener {
 public:
  static constexpr std::chrono::seconds kLimit{3};       // for each of its two steps
  static constexpr std::chrono::seconds kLeastPause{2};  // between two for one endpoint

  class Listener {
   public:
    virtual void on_inbound_tried(const control::InboundTried& outcome) = 0;  // may destroy it

   protected:
    ~Listener() = default;
  };

  InboundTrial(loop::Loop& loop, const SocketAddress& to, const control::TrialSecret& secret,
               Listener& listener);
  ~InboundTrial();

 private:
  void on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) override;
  void on_readable() override;
  void on_writable() override {}
  void on_broken(int error) override;
  void on_timer(loop::Timer& timer) override;
  void finish(ErrorCode error, const std::string& what);

  loop::Loop& loop_;
  SocketAddress to_;
  ByteVector preamble_, repeated_;
  Listener& listener_;
  std::optional<loop::TcpDial> dial_;
  std::unique_ptr<loop::BytePipe> pipe_;
  loop::Timer timer_;
};

}  // namespace culvert::service
