#include "agent/uplink_attempt.h"

namespace culvert::agent {

UplinkAttempt::UplinkAttempt(const OwnEndpoint& self, ServiceRoute route, std::size_t number,
                             Listener& listener)
    : self_(self), route_(std::move(route)), number_(number), listener_(listener) {
  dial_.emplace(self_.loop, *route_.recipe, route_.to, route_.host, self_.tls, kDialLimit,
                static_cast<carrier::CarrierDial::Listener&>(*this));
}

void UplinkAttempt::on_carrier(carrier::CarrierDial&, std::unique_ptr<loop::BytePipe> pipe,
                               const Error& why) {
  if (pipe == nullptr) return listener_.on_attempt_ended(*this, why);
  session::SessionLink::Initiator initiator{self_.identity.key, self_.identity.service_key,
                                            self_.hello(control::Purpose::kSession), kDialLimit};
  link_ = std::make_unique<session::SessionLink>(
      self_.loop, std::move(pipe), initiator, static_cast<session::SessionLink::Listener&>(*this));
  dial_.reset();  // last: `why` and the caller belong to it
}

void UplinkAttempt::on_session_up(session::SessionLink&) { listener_.on_attempt_up(*this); }

void UplinkAttempt::on_stream_opened(session::SessionLink& link, mux::StreamId stream,
                                     const control::Target&) {
  link.refuse(stream, ErrorCode::kNotPermitted, "endpoints take no streams from the service");
}

void UplinkAttempt::on_control(session::SessionLink&, const control::Message& message) {
  listener_.on_message(*this, message);
}

void UplinkAttempt::on_session_down(session::SessionLink&, const Error& why) {
  listener_.on_attempt_ended(*this, why);
}

}  // namespace culvert::agent
