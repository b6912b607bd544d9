// The loop's side: reading, writing, timers, and the end. session_link_carrier.cc has carriers
// coming and going, session_link_streams.cc what the owners of streams call,
// session_link_handover.cc what goes from one process to the next.
#include "tunnel/session/session_link.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "tunnel/session/read_buffer.h"
#include "tunnel/session/write_out.h"

namespace culvert::session {
namespace {

// Beside a dialogue less is taken at a time (mux/traffic_mix.h). More than one record.
constexpr std::size_t kMixedRead = 128 * 1024;

}  // namespace

SessionLink::~SessionLink() {
  if (pipe_) pipe_->set_listener(nullptr);
  if (lane_) lane_->pipe->set_listener(nullptr);
}

void SessionLink::on_readable() {
  if (down_ || !pipe_) return;
  auto buffer = read_buffer();
  if (streams().mixed()) buffer = buffer.first(kMixedRead);
  const auto kept = session_.restore_partial(buffer);
  const auto got = pipe_->read(buffer.subspan(kept));
  using State = loop::IoResult::State;
  if (got.state == State::kEnd)
    return carrier_lost({ErrorCode::kClosed, "the peer ended the connection"});
  if (got.state == State::kFailed) return pipe_broke(got.error);
  auto wire = buffer.first(kept + got.count);
  if (!wire.empty()) receive(wire);
}

void SessionLink::receive(MutableBytes wire) {
  // `wire` stays as it is until the owners of streams have seen what came.
  streams().borrow();
  const auto received = session_.receive(wire, loop::Loop::precise_now());
  hand_on();
  if (!received) {
    // A record that does not open is the doing of the carrier, which nobody trusts.
    if (received.error().code == ErrorCode::kAuthentication) return carrier_lost(received.error());
    return go_down(received.error());
  }
  schedule();
}

// What came before a violation was valid, too.
void SessionLink::hand_on() {
  show_datagrams_ahead();
  drain_events();
  hand_datagrams_on(streams().datagrams());
  streams().datagrams_taken();
  streams().settle();
}

void SessionLink::on_writable() {
  blocked_ = false;
  schedule();
}

void SessionLink::on_broken(int error) { pipe_broke(error); }

void SessionLink::pipe_broke(int error) {
  if (const auto* known = pipe_->failure()) return carrier_lost(*known);
  carrier_lost({from_errno(error), std::string("the connection broke: ") + std::strerror(error)});
}

void SessionLink::on_timer(loop::Timer&) {
  armed_for_.reset();
  const auto now = loop::Loop::precise_now();
  if (grace_until_ && now >= *grace_until_)
    return go_down({ErrorCode::kTimedOut, "the session was without a carrier for too long"});
  if (silent_until_ && now >= *silent_until_) leave_silent_pipe();
  if (const auto alive = session_.tick(now); !alive) return carrier_lost(alive.error());
  if (pipe_ && session_.suspects_loss()) pipe_->allow_fragments();
  if (lane_) look_after_lane();
  schedule();
}

void SessionLink::run_deferred() {
  if (frozen_) return;
  if (dead_pipe_) std::exchange(dead_pipe_, nullptr)->abort();
  if (dead_lane_) std::exchange(dead_lane_, nullptr)->pipe->abort();
  if (down_) return tell_down();
  if (std::exchange(suspected_, false) && pipe_ && pipe_->stranded())
    carrier_lost({ErrorCode::kNetworkUnreachable,
                  "this machine has lost the address that it was connected from"});
  if (to_introduce_) begin_introduction();
  take_early_input();
  if (!down_ && lane_) flush_lane();
  if (!down_ && pipe_) flush();
  if (!down_ && !lane_ && initiator_ && pipe_ && session_.wants_lane(loop_.now()))
    listener_.on_lane_wanted(*this);
  if (!down_) arm_timer();
  if (down_) return tell_down();
  if (lost_) tell_carrier_lost();
}

void SessionLink::flush() {
  send_backlog();
  if (const auto error = write_out(session_, *pipe_, blocked_)) return pipe_broke(*error);
  drain_events();  // room has been made
  if (closing_ && !session_.has_output() && control_backlog_.empty())
    return go_down({ErrorCode::kClosed, "closed in order"});
}

void SessionLink::arm_timer() {
  if (session_.idle()) session_.rest();
  auto deadline = session_.next_deadline();
  if (grace_until_) deadline = deadline ? std::min(*deadline, *grace_until_) : *grace_until_;
  if (silent_until_) deadline = deadline ? std::min(*deadline, *silent_until_) : *silent_until_;
  if (!deadline || (armed_for_ && *armed_for_ <= *deadline))
    return;  // an early wake-up is harmless
  armed_for_ = deadline;
  timer_.start(*deadline - loop_.now());
}

void SessionLink::go_down(Error why) {
  if (down_) return;
  down_ = std::move(why);
  if (pipe_) pipe_->set_interest(false, false);
  drop_lane("the session ends");
  schedule();
}

void SessionLink::tell_down() {
  if (told_) return;
  told_ = true;
  timer_.stop();
  if (pipe_) pipe_->set_listener(nullptr);
  const auto why = *down_;
  // A stream whose session never came up fails for the session's reason: its opener shows that to
  // a program that waits in connect().
  const auto code = session_.started() ? ErrorCode::kReset : why.code;
  for (const auto stream : streams().stream_ids()) {
    if (!streams().knows(stream)) continue;  // another's handler has reset it
    auto* const handler = static_cast<StreamHandler*>(streams().owner(stream));
    streams().set_owner(stream, nullptr);
    if (handler != nullptr) handler->on_stream_reset({code, "the session ended: " + why.detail});
  }
  introduction_.reset();
  to_introduce_.reset();
  pipe_.reset();
  listener_.on_session_down(*this, why);
}

}  // namespace culvert::session
