#include "tunnel/session/greeter.h"

#include <cstring>

namespace culvert::session {

Greeter::Greeter(loop::Loop& loop, std::unique_ptr<loop::BytePipe> pipe, ByteVector received,
                 const crypto::KeyPair& self, Random& random, Duration limit, Listener& listener)
    : listener_(listener),
      pipe_(std::move(pipe)),
      received_(std::move(received)),
      handshake_(self, random),
      timer_(loop, *this) {
  pipe_->set_listener(this);
  pipe_->set_interest(/*readable=*/true, /*writable=*/false);
  limit_ = limit;
  // What has been read already is looked at from the loop: the owner is not ready yet.
  timer_.start(received_.empty() ? limit : Duration::zero());
}

void Greeter::on_timer(loop::Timer&) {
  if (!received_.empty() && !looked_at_received_) {
    timer_.start(limit_);
    return process();
  }
  failed({ErrorCode::kTimedOut, "no complete hello came in time"});
}

void Greeter::on_readable() {
  std::byte buffer[16 * 1024];
  const auto got = pipe_->read(buffer);
  using State = loop::IoResult::State;
  if (got.state == State::kEnd)
    return failed({ErrorCode::kClosed, "the connection ended before the hello"});
  if (got.state == State::kFailed) return failed({from_errno(got.error), std::strerror(got.error)});
  append(received_, Bytes{buffer}.first(got.count));
  process();
}

void Greeter::process() {
  looked_at_received_ = true;
  std::size_t taken = 0;
  auto greeting = handshake_.receive(received_, taken);
  if (!greeting) return failed(greeting.error());
  if (!*greeting) return;
  received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(taken));
  timer_.stop();
  pipe_->set_interest(false, false);  // what comes next is read by whoever goes on
  listener_.on_greeted(*this, **greeting);
}

void Greeter::answer(const control::HelloAnswer& answer) {
  const auto packet = handshake_.answer(answer);
  if (!packet) return failed(packet.error());
  output_.append(*packet);
  pipe_->set_interest(false, /*writable=*/true);  // goes out from the loop, never from in here
  timer_.start(limit_);
}

void Greeter::on_writable() {
  const auto put = pipe_->write(output_.peek());
  using State = loop::IoResult::State;
  if (put.state == State::kFailed) return failed({from_errno(put.error), std::strerror(put.error)});
  if (put.state == State::kMoved) output_.pop(put.count);
  if (!output_.empty()) return;
  timer_.stop();
  pipe_->set_interest(false, false);
  listener_.on_answered(*this);
}

void Greeter::on_broken(int error) { failed({from_errno(error), std::strerror(error)}); }

void Greeter::failed(const Error& why) {
  timer_.stop();
  pipe_->set_interest(false, false);
  listener_.on_greeting_failed(*this, why);
}

}  // namespace culvert::session
