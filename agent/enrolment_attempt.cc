#include "agent/enrolment_attempt.h"

#include <cstring>

#include "agent/own_endpoint.h"

namespace culvert::agent {

EnrolmentAttempt::EnrolmentAttempt(loop::Loop& loop, const carrier::Means& means, const Who& who,
                                   const carrier::Way& way, std::size_t number, Listener& listener)
    : means_(means), who_(who), number_(number), listener_(listener), timer_(loop, *this) {
  dial_.emplace(loop, way, means_, kDialLimit, static_cast<carrier::CarrierDial::Listener&>(*this));
}

void EnrolmentAttempt::on_carrier(carrier::CarrierDial&, std::unique_ptr<loop::BytePipe> pipe,
                                  const Error& why) {
  if (pipe == nullptr) return failed(why);
  pipe_ = std::move(pipe);
  greet();
}

void EnrolmentAttempt::greet() {
  control::Hello hello;
  hello.purpose = control::Purpose::kEnrol;
  hello.timestamp = to_unix_nanoseconds(loop::Loop::wall_clock());
  hello.name = who_.invitation.name;
  hello.secret = who_.invitation.secret;
  means_.random.fill(hello.session);
  handshake_.emplace(who_.self, who_.service, means_.random);
  const auto packet = handshake_->start(hello, {});
  if (!packet) return failed(packet.error());
  output_.append(*packet);
  pipe_->set_listener(this);
  pipe_->set_interest(/*readable=*/true, /*writable=*/true);
  timer_.start(kDialLimit);
}

void EnrolmentAttempt::on_writable() {
  const auto put = pipe_->write(output_.peek());
  using State = loop::IoResult::State;
  if (put.state == State::kFailed) return on_broken(put.error);
  if (put.state == State::kMoved) output_.pop(put.count);
  pipe_->set_interest(true, !output_.empty());
}

void EnrolmentAttempt::on_readable() {
  std::byte buffer[16 * 1024];
  const auto got = pipe_->read(buffer);
  using State = loop::IoResult::State;
  if (got.state == State::kEnd)
    return failed({ErrorCode::kClosed,
                   "the connection was closed without an answer: is this the service of the "
                   "invitation?"});
  if (got.state == State::kFailed) return on_broken(got.error);
  append(input_, Bytes{buffer}.first(got.count));
  std::size_t taken = 0;
  const auto outcome = handshake_->receive(input_, taken);
  if (!outcome) return failed(outcome.error());
  if (!*outcome) return;
  timer_.stop();
  pipe_->set_interest(false, false);
  listener_.on_enrolment_answered(*this, (*outcome)->answer);
}

void EnrolmentAttempt::on_broken(int error) {
  if (const auto* known = pipe_->failure()) return failed(Error{*known});
  failed({from_errno(error), std::strerror(error)});
}

void EnrolmentAttempt::on_timer(loop::Timer&) {
  failed({ErrorCode::kTimedOut, "no answer in time"});
}

void EnrolmentAttempt::failed(const Error& why) {
  timer_.stop();
  if (pipe_ != nullptr) {
    pipe_->set_interest(false, false);
    pipe_->set_listener(nullptr);
  }
  listener_.on_enrolment_attempt_failed(*this, why);
}

}  // namespace culvert::agent
