// agent/enrolment_attempt.h: shows an invitation to the service by one way: carrier, handshake with
// the invitation's secret in its first message, the service's answer.
//
// The secret goes out readable to the holder of the service's key alone.
#pragma once
#include <memory>
#include <optional>

#include "tunnel/base/byte_queue.h"
#include "tunnel/carrier/carrier_dial.h"
#include "tunnel/control/invitation.h"
#include "tunnel/loop/timer.h"
#include "tunnel/session/handshake.h"

namespace culvert::agent {

class EnrolmentAttempt final : private carrier::CarrierDial::Listener,
                               private loop::BytePipe::Listener,
                               private loop::Timer::Listener {
 public:
  class Listener {
   public:
    // One of them, once, from the loop. Neither may destroy the attempt at once.
    virtual void on_enrolment_answered(EnrolmentAttempt& attempt,
                                       const control::HelloAnswer& answer) = 0;
    virtual void on_enrolment_attempt_failed(EnrolmentAttempt& attempt, const Error& why) = 0;

   protected:
    ~Listener() = default;
  };
  struct Who {
    const crypto::KeyPair& self;
    const crypto::PublicKey& service;
    const control::Invitation& invitation;
  };

  EnrolmentAttempt(loop::Loop& loop, const carrier::Means& means, const Who& who,
                   const carrier::Way& way, std::size_t number, Listener& listener);
  std::size_t number() const { return number_; }

 private:
  void on_carrier(carrier::CarrierDial& dial, std::unique_ptr<loop::BytePipe> pipe,
                  const Error& why) override;
  void on_readable() override;
  void on_writable() override;
  void on_broken(int error) override;
  void on_timer(loop::Timer& timer) override;
  void greet();
  void failed(const Error& why);

  carrier::Means means_;
  Who who_;
  std::size_t number_;
  Listener& listener_;
  std::optional<carrier::CarrierDial> dial_;
  std::unique_ptr<loop::BytePipe> pipe_;
  std::optional<session::InitiatorHandshake> handshake_;
  ByteQueue output_;
  ByteVector input_;
  loop::Timer timer_;
};

}  // namespace culvert::agent
