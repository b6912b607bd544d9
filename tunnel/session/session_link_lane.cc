// The interactive lane: a second pipe beside the first. Whatever befalls it, the session goes on.
#include <cassert>
#include <cstring>

#include "tunnel/base/log.h"
#include "tunnel/session/read_buffer.h"
#include "tunnel/session/session_link.h"
#include "tunnel/session/write_out.h"

namespace culvert::session {

SessionLink::Lane::Lane(SessionLink& of, FreshCarrier carrier)
    : link(of), pipe(std::move(carrier.pipe)), early_input(std::move(carrier.received)) {
  pipe->set_listener(this);
  pipe->set_interest(/*readable=*/true, /*writable=*/false);
}

void SessionLink::Lane::on_writable() {
  blocked = false;
  link.schedule();
}

void SessionLink::Lane::on_broken(int error) { link.drop_lane(std::strerror(error)); }

control::Hello SessionLink::lane_hello() const {
  assert(initiator_ != nullptr && session_.started());
  auto hello = initiator_->hello;
  hello.resume = control::Resume::kBeside;
  return hello;
}

void SessionLink::attach_lane(FreshCarrier carrier) {
  if (down_ || frozen_ || !session_.started()) return carrier.pipe->abort();
  drop_lane("another one takes its place");
  const auto attached = session_.attach_lane(carrier.keys, loop::Loop::precise_now());
  lane_ = std::make_unique<Lane>(*this, std::move(carrier));
  schedule();
  if (!attached) return go_down(attached.error());
  log::debug("session", {{"event", "lane-attached"}});
}

// The pipe may be the caller: it goes from the loop.
void SessionLink::drop_lane(std::string_view why) {
  if (lane_ == nullptr) return;
  lane_->pipe->set_listener(nullptr);
  lane_->pipe->set_interest(false, false);
  dead_lane_ = std::move(lane_);
  session_.detach_lane();
  log::debug("session", {{"event", "lane-dropped"}, {"why", why}});
  schedule();
}

void SessionLink::lane_readable() {
  const auto buffer = read_buffer();
  const auto kept = session_.lane()->restore_partial(buffer);
  const auto got = lane_->pipe->read(buffer.subspan(kept));
  using State = loop::IoResult::State;
  if (got.state == State::kEnd) return drop_lane("the peer ended it");
  if (got.state == State::kFailed) return drop_lane(std::strerror(got.error));
  receive_from_lane(buffer.first(kept + got.count));
}

void SessionLink::receive_from_lane(MutableBytes wire) {
  if (wire.empty()) return;
  streams().borrow();
  const auto received = session_.receive_from_lane(wire, loop::Loop::precise_now());
  hand_on();
  if (!received) {
    if (received.error().code != ErrorCode::kAuthentication) return go_down(received.error());
    drop_lane(received.error().detail);
  }
  schedule();
}

void SessionLink::flush_lane() {
  if (auto input = std::exchange(lane_->early_input, {}); !input.empty()) receive_from_lane(input);
  const auto error =
      lane_ ? write_out(*session_.lane(), *lane_->pipe, lane_->blocked) : std::nullopt;
  if (error) return drop_lane(std::strerror(*error));
  drain_events();  // room has been made
}

void SessionLink::look_after_lane() {
  const auto now = loop::Loop::precise_now();
  if (const auto alive = session_.lane()->tick(now); !alive) return drop_lane(alive.error().detail);
  if (initiator_ && session_.lane_is_idle(now)) drop_lane("no bulk beside a dialogue any more");
}

}  // namespace culvert::session
