// Carriers that come and go.
#include <cassert>

#include "tunnel/session/session_link.h"

namespace culvert::session {
namespace {

control::SessionName random_name() {
  control::SessionName name;
  SystemRandom random;
  random.fill(name);
  return name;
}

}  // namespace

SessionLink::SessionLink(loop::Loop& loop, std::unique_ptr<loop::BytePipe> pipe,
                         const Initiator& initiator, Listener& listener)
    : Deferred(loop),
      loop_(loop),
      listener_(listener),
      session_(mux::Role::kInitiator),
      initiator_(std::make_unique<Initiator>(initiator)),
      to_introduce_(std::move(pipe)),
      grace_(initiator.grace),
      timer_(loop, *this) {
  initiator_->hello.session = random_name();
  schedule();
}

SessionLink::SessionLink(loop::Loop& loop, const Initiator& initiator, Listener& listener)
    : Deferred(loop),
      loop_(loop),
      listener_(listener),
      session_(mux::Role::kInitiator),
      initiator_(std::make_unique<Initiator>(initiator)),
      introduced_before_(true),
      grace_(initiator.grace),
      timer_(loop, *this) {
  initiator_->hello.session = random_name();
}

SessionLink::SessionLink(loop::Loop& loop, FreshCarrier carrier, Duration grace, Listener& listener)
    : Deferred(loop),
      loop_(loop),
      listener_(listener),
      session_(mux::Role::kResponder),
      grace_(grace),
      timer_(loop, *this) {
  attach(std::move(carrier));
}

void SessionLink::attach(FreshCarrier carrier) {
  if (down_) return;
  introduction_.reset();
  to_introduce_.reset();
  if (pipe_) pipe_->set_listener(nullptr);
  pipe_ = std::move(carrier.pipe);
  blocked_ = false;
  lost_.reset();
  grace_until_.reset();
  leave_silent_pipe();
  ++carriers_;
  const bool first = !session_.started();
  const auto now = loop::Loop::precise_now();
  carrier.keys.bulk_round_trips = pipe_->bulk_round_trips();
  const auto attached = session_.attach(carrier.keys, now);
  early_input_ = carrier.received.empty() ? ByteVector{} : std::move(carrier.received);
  pipe_->set_listener(this);
  pipe_->set_interest(/*readable=*/true, /*writable=*/false);
  schedule();  // events of the early frames too: the owner is not ready inside a constructor
  if (!attached) return go_down(attached.error());
  if (!first) listener_.on_carrier_attached(*this);
}

void SessionLink::take_early_input() {
  if (down_) return;
  drain_events();
  hand_datagrams_on(streams().datagrams());
  streams().datagrams_taken();
  if (early_input_.empty() || down_ || !pipe_) return;
  auto input = std::exchange(early_input_, {});
  receive(input);
}

void SessionLink::introduce(std::unique_ptr<loop::BytePipe> pipe) {
  assert(initiator_ != nullptr);
  if (down_) return;
  introduction_.reset();
  to_introduce_ = std::move(pipe);
  schedule();
}

void SessionLink::show_certificate(ByteVector certificate) {
  assert(initiator_);
  initiator_->hello.certificate = std::move(certificate);
}

// Not up yet: a first message may or may not have arrived by an earlier carrier.
control::Hello SessionLink::session_hello() const {
  assert(initiator_ != nullptr);
  auto hello = initiator_->hello;
  hello.resume = session_.started()   ? control::Resume::kExisting
                 : introduced_before_ ? control::Resume::kEither
                                      : control::Resume::kNew;
  return hello;
}

ByteVector SessionLink::make_flight() {
  assert(!session_.attached());
  send_backlog();
  return session_.make_flight();
}

void SessionLink::begin_introduction() {
  if (session_.attached()) drop_carrier({ErrorCode::kClosed, "another carrier is being tried"});
  auto hello = session_hello();
  introduced_before_ = true;
  introduction_ = std::make_unique<Introduction>(
      loop_, std::move(to_introduce_), Introduction::Who{initiator_->self, initiator_->peer},
      std::move(hello), make_flight(), initiator_->limit,
      static_cast<Introduction::Listener&>(*this));
}

void SessionLink::on_introduced(Introduction&, FreshCarrier carrier) {
  const bool first = !session_.started();
  attach(std::move(carrier));  // destroys the introduction
  if (first && !down_) listener_.on_session_up(*this);
}

void SessionLink::on_introduction_failed(Introduction&, const Error& why, bool refused) {
  const Error kept = why;  // the introduction may own it
  introduction_.reset();
  const bool final =
      refused && (!session_.started() || kept.code == ErrorCode::kClosed);  // PROTOCOL.md section 3
  if (final) return go_down(kept);
  carrier_lost(kept);
}

void SessionLink::drop_carrier(Error why) {
  if (pipe_) carrier_lost(std::move(why));
}

void SessionLink::abandon(Error why) { go_down(std::move(why)); }

void SessionLink::suspect() {
  session_.suspect(loop::Loop::precise_now());
  if (auto* const lane = session_.lane()) lane->suspect(loop::Loop::precise_now());
  suspected_ = true;
  armed_for_.reset();
  schedule();
}

void SessionLink::carrier_lost(Error why) {
  if (down_) return;
  if (grace_ <= Duration::zero() || closing_) return go_down(std::move(why));
  session_.detach();
  early_input_ = {};
  if (!grace_until_) grace_until_ = loop::Loop::precise_now() + grace_;
  if (pipe_) {
    pipe_->set_listener(nullptr);
    pipe_->set_interest(false, false);
    // Who is to bring another one may not miss it, if it only listens. A reset is sent once; an
    // end, and what was said before, until it arrives.
    const bool end_it = initiator_ == nullptr && why.code == ErrorCode::kTimedOut;
    if (end_it) {
      pipe_->end_writing();
      silent_until_ = loop::Loop::precise_now() + kMostSilent;
    }
    (end_it ? silent_pipe_ : dead_pipe_) = std::move(pipe_);  // destroyed from the loop: it may be
                                                              // the caller
  }
  lost_ = std::move(why);
  schedule();
}

void SessionLink::leave_silent_pipe() {
  silent_until_.reset();
  if (silent_pipe_) dead_pipe_ = std::move(silent_pipe_);
}

void SessionLink::tell_carrier_lost() {
  const auto why = *std::exchange(lost_, std::nullopt);
  if (!session_.attached() && !introduction_ && !to_introduce_)
    listener_.on_carrier_lost(*this, why);
}

}  // namespace culvert::session
