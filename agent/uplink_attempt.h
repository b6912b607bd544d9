// agent/uplink_attempt.h: one attempt to reach the service by one route: carrier, then login. The
// one that wins goes on as the session to the service.
#pragma once
#include <memory>
#include <optional>

#include "agent/own_endpoint.h"
#include "tunnel/carrier/carrier_dial.h"
#include "tunnel/session/session_link.h"

namespace culvert::agent {

class UplinkAttempt final : private carrier::CarrierDial::Listener,
                            private session::SessionLink::Listener {
 public:
  class Listener {
   public:
    virtual void on_attempt_up(UplinkAttempt& attempt) = 0;
    // Before or after it was up. Destroy it.
    virtual void on_attempt_ended(UplinkAttempt& attempt, const Error& why) = 0;
    virtual void on_message(UplinkAttempt& attempt, const control::Message& message) = 0;

   protected:
    ~Listener() = default;
  };

  UplinkAttempt(const OwnEndpoint& self, ServiceRoute route, std::size_t number,
                Listener& listener);

  std::size_t number() const { return number_; }
  const ServiceRoute& route() const { return route_; }
  session::SessionLink& link() { return *link_; }  // once up

 private:
  void on_carrier(carrier::CarrierDial& dial, std::unique_ptr<loop::BytePipe> pipe,
                  const Error& why) override;
  void on_session_up(session::SessionLink& link) override;
  void on_stream_opened(session::SessionLink& link, mux::StreamId stream,
                        const control::Target& target) override;
  void on_control(session::SessionLink& link, const control::Message& message) override;
  void on_session_down(session::SessionLink& link, const Error& why) override;

  const OwnEndpoint& self_;
  ServiceRoute route_;
  std::size_t number_;
  Listener& listener_;
  std::optional<carrier::CarrierDial> dial_;
  std::unique_ptr<session::SessionLink> link_;
};

}  // namespace culvert::agent
