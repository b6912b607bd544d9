// agent/enrolment.h: turns an invitation into an identity: makes the key pair, dials the service by
// each recipe in turn, proves the invitation's secret inside the handshake, takes the certificate.
//
// The service is known by the key in the invitation: nothing is trusted blindly. The secret goes
// out inside the first handshake message, readable to the holder of that key alone.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "agent/identity.h"
#include "agent/way_lookup.h"
#include "tunnel/base/byte_queue.h"
#include "tunnel/carrier/carrier_dial.h"
#include "tunnel/control/invitation.h"
#include "tunnel/loop/timer.h"
#include "tunnel/session/handshake.h"

namespace culvert::agent {

class Enrolment final : private WayLookup::Listener,
                        private carrier::CarrierDial::Listener,
                        private loop::BytePipe::Listener,
                        private loop::Timer::Listener {
 public:
  class Listener {
   public:
    virtual void on_enrolled(Enrolment& enrolment, Result<Identity> identity) = 0;  // once

   protected:
    ~Listener() = default;
  };

  // `means` needs no service key.
  Enrolment(loop::Loop& loop, const carrier::Means& means, control::Invitation invitation,
            WayOptions ways, Listener& listener);
  void start();

 private:
  void on_ways_looked_up(WayLookup& lookup, Result<WayAddresses> addresses) override;
  void on_carrier(carrier::CarrierDial& dial, std::unique_ptr<loop::BytePipe> pipe,
                  const Error& why) override;
  void on_readable() override;
  void on_writable() override;
  void on_broken(int error) override;
  void on_timer(loop::Timer& timer) override;

  void next_attempt();
  void attempt_failed(const Error& why);
  void greet();
  void read_answer();
  Result<Identity> make_identity(const control::HelloAnswer& answer) const;
  void finish(Result<Identity> outcome);

  loop::Loop& loop_;
  carrier::Means means_;
  control::Invitation invitation_;
  WayOptions options_;
  Listener& listener_;
  crypto::KeyPair key_;
  crypto::PublicKey service_key_;
  resolver::DnsClient dns_;
  std::optional<WayLookup> lookup_;
  std::vector<carrier::Way> ways_;
  std::size_t tried_ = 0;
  std::string failures_;
  std::optional<carrier::CarrierDial> dial_;
  std::unique_ptr<loop::BytePipe> pipe_;
  std::optional<session::InitiatorHandshake> handshake_;
  ByteQueue output_;
  ByteVector input_;
  loop::Timer timer_;
};

}  // namespace culvert::agent
