// The loop's side: reading, writing, timers, and the end. session_link_streams.cc has the rest.
#include "tunnel/session/session_link.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace culvert::session {
namespace {

// One buffer for all sessions of the thread: an idle session holds none (measured knee: 256 KiB).
MutableBytes shared_buffer() {
  static thread_local std::array<std::byte, 256 * 1024> buffer;
  return buffer;
}

}  // namespace

SessionLink::SessionLink(loop::Loop& loop, std::unique_ptr<loop::BytePipe> pipe,
                         const Initiator& initiator, Listener& listener)
    : Deferred(loop),
      loop_(loop),
      listener_(listener),
      pipe_(std::move(pipe)),
      session_(mux::Role::kInitiator),
      initiator_(std::make_unique<Initiator>(initiator)),
      timer_(loop, *this) {
  pipe_->set_listener(this);
  pipe_->set_interest(/*readable=*/true, /*writable=*/false);
  answer_deadline_ = loop_.now() + initiator.limit;
  timer_.start(initiator.limit);
  schedule();  // the hello goes out with what is opened in this turn
}

SessionLink::SessionLink(loop::Loop& loop, std::unique_ptr<loop::BytePipe> pipe,
                         Responder responder, Listener& listener)
    : Deferred(loop),
      loop_(loop),
      listener_(listener),
      pipe_(std::move(pipe)),
      session_(mux::Role::kResponder),
      handshake_input_(std::move(responder.received)),
      early_frames_(std::move(responder.early_frames)),
      timer_(loop, *this) {
  pipe_->set_listener(this);
  session_.start(responder.keys, responder.aead, loop::Loop::precise_now());
  pipe_->set_interest(/*readable=*/true, /*writable=*/false);
  schedule();  // early frames are handled from there: the owner is not ready inside a constructor
}

SessionLink::~SessionLink() = default;

void SessionLink::begin() {
  auto hello = initiator_->hello;
  hello.timestamp = to_unix_nanoseconds(loop::Loop::wall_clock());
  if (hello.aeads.empty())
    for (const auto algorithm : crypto::preferred_algorithms())
      hello.aeads.push_back(static_cast<std::uint8_t>(algorithm));
  SystemRandom random;
  random.fill(hello.session);
  handshake_.emplace(initiator_->self, initiator_->peer, random);
  const auto packet = handshake_->start(hello, session_.take_early_frames());
  initiator_.reset();
  if (!packet) return go_down(packet.error());
  handshake_output_.append(*packet);
}

void SessionLink::on_readable() {
  if (down_) return;
  const auto buffer = shared_buffer();
  const auto kept = session_.started() ? session_.restore_partial(buffer) : std::size_t{0};
  const auto got = pipe_->read(buffer.subspan(kept));
  using State = loop::IoResult::State;
  if (got.state == State::kEnd)
    return go_down({ErrorCode::kClosed, "the peer ended the connection"});
  if (got.state == State::kFailed) return pipe_broke(got.error);
  auto wire = buffer.first(kept + got.count);
  if (session_.started()) {
    if (!wire.empty()) receive(wire);
    return;
  }
  append(handshake_input_, wire);
  read_handshake();
}

void SessionLink::read_handshake() {
  if (!handshake_) return go_down({ErrorCode::kProtocol, "the peer spoke before its turn"});
  std::size_t taken = 0;
  const auto outcome = handshake_->receive(handshake_input_, taken);
  if (!outcome) return go_down(outcome.error());
  if (!*outcome) return;
  const auto& answer = (*outcome)->answer;
  if (answer.refusal != ErrorCode::kNone) return go_down({answer.refusal, answer.reason});
  const auto algorithm = static_cast<crypto::AeadAlgorithm>(answer.aead);
  if (!crypto::is_supported(algorithm))
    return go_down({ErrorCode::kProtocol, "the peer chose a cipher that we did not offer"});
  handshake_input_.erase(handshake_input_.begin(),
                         handshake_input_.begin() + static_cast<std::ptrdiff_t>(taken));
  session_.start((*outcome)->keys, algorithm, loop::Loop::precise_now());
  handshake_.reset();
  answer_deadline_.reset();
  listener_.on_session_up(*this);
  schedule();
  auto rest = std::exchange(handshake_input_, {});
  if (!down_ && !rest.empty()) receive(rest);
}

void SessionLink::receive(MutableBytes wire) {
  const auto received = session_.receive(wire, loop::Loop::precise_now());
  drain_events();  // what came before a violation was valid
  if (!received) return go_down(received.error());
  schedule();
}

void SessionLink::on_writable() {
  blocked_ = false;
  schedule();
}

void SessionLink::on_broken(int error) { pipe_broke(error); }

void SessionLink::pipe_broke(int error) {
  if (const auto* known = pipe_->failure()) return go_down(*known);
  go_down({from_errno(error), std::string("the connection broke: ") + std::strerror(error)});
}

void SessionLink::on_timer(loop::Timer&) {
  armed_for_.reset();
  const auto now = loop::Loop::precise_now();
  if (answer_deadline_ && !session_.started())
    return go_down({ErrorCode::kTimedOut, "the peer did not answer the handshake in time"});
  if (session_.started())
    if (const auto alive = session_.tick(now); !alive) return go_down(alive.error());
  schedule();
}

void SessionLink::run_deferred() {
  if (down_) return tell_down();
  if (initiator_) begin();
  if (session_.started() && !early_frames_.empty()) {
    const auto frames = std::exchange(early_frames_, {});
    const auto received = session_.receive_early_frames(frames, loop::Loop::precise_now());
    drain_events();
    if (!received) go_down(received.error());
  }
  if (session_.started() && !handshake_input_.empty() && !down_) {
    auto rest = std::exchange(handshake_input_, {});
    receive(rest);
  }
  if (!down_) flush();
  if (down_) tell_down();
}

// One send per turn where possible; more only while the pipe takes everything.
void SessionLink::flush() {
  using State = loop::IoResult::State;
  send_backlog();
  while (!blocked_) {
    const bool greeting = !handshake_output_.empty();
    if (!greeting && !session_.started()) break;
    if (!greeting) session_.fill_output(loop::Loop::precise_now());
    const auto pending = greeting ? handshake_output_.peek() : session_.pending_output();
    if (pending.empty()) break;
    const auto put = pipe_->write(pending);
    if (put.state == State::kBlocked) {
      blocked_ = true;
    } else if (put.state == State::kMoved) {
      blocked_ = put.count < pending.size();
      if (greeting)
        handshake_output_.pop(put.count);
      else
        session_.output_sent(put.count);
    } else {
      return pipe_broke(put.error);
    }
  }
  handshake_output_.release_if_empty();
  pipe_->set_interest(/*readable=*/true, /*writable=*/blocked_);
  drain_events();  // room has been made
  if (closing_ && !session_.has_output() && control_backlog_.empty())
    return go_down({ErrorCode::kClosed, "closed in order"});
  arm_timer();
}

void SessionLink::arm_timer() {
  if (!session_.started()) return;
  const auto deadline = session_.next_deadline();
  if (!deadline || (armed_for_ && *armed_for_ <= *deadline))
    return;  // an early wake-up is harmless
  armed_for_ = deadline;
  timer_.start(*deadline - loop_.now());
}

void SessionLink::go_down(Error why) {
  if (down_) return;
  down_ = std::move(why);
  pipe_->set_interest(false, false);
  schedule();
}

void SessionLink::tell_down() {
  if (told_) return;
  told_ = true;
  timer_.stop();
  pipe_->set_listener(nullptr);
  const auto why = *down_;
  // A stream whose session never came up fails for the session's reason: its opener shows that to
  // a program that waits in connect().
  const auto code = session_.started() ? ErrorCode::kReset : why.code;
  for (const auto& [stream, handler] : std::exchange(handlers_, {}))
    handler->on_stream_reset({code, "the session ended: " + why.detail});
  pipe_.reset();
  listener_.on_session_down(*this, why);
}

}  // namespace culvert::session
