// From one process to the next one.
#include "tunnel/session/session_link.h"

namespace culvert::session {

SessionLink::SessionLink(loop::Loop& loop, const LinkSnapshot& from, const Initiator& initiator,
                         Listener& listener)
    : Deferred(loop),
      loop_(loop),
      listener_(listener),
      session_(mux::Role::kInitiator),
      initiator_(std::make_unique<Initiator>(initiator)),
      grace_(initiator.grace),
      timer_(loop, *this) {
  initiator_->hello.session = from.name;
  introduced_before_ = from.introduced;
  restore(from);
}

SessionLink::SessionLink(loop::Loop& loop, const LinkSnapshot& from, Duration grace,
                         Listener& listener)
    : Deferred(loop),
      loop_(loop),
      listener_(listener),
      session_(mux::Role::kResponder),
      grace_(grace),
      timer_(loop, *this) {
  restore(from);
}

void SessionLink::restore(const LinkSnapshot& from) {
  session_.restore(from.streams, from.started);
  control_backlog_.append(from.control_backlog);
  grace_until_ = loop::Loop::precise_now() + grace_;
  schedule();  // the events that were raised again
}

LinkSnapshot SessionLink::take_snapshot() {
  frozen_ = true;
  if (pipe_) pipe_->set_listener(nullptr);
  if (lane_) lane_->pipe->set_listener(nullptr);
  introduction_.reset();
  to_introduce_.reset();
  timer_.stop();
  LinkSnapshot out;
  if (initiator_) out.name = initiator_->hello.session;
  out.started = session_.started();
  out.introduced = introduced_before_;
  const auto backlog = control_backlog_.peek();
  out.control_backlog.assign(backlog.begin(), backlog.end());
  out.streams = session_.streams().snapshot();
  return out;
}

}  // namespace culvert::session
