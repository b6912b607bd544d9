#include "service/inbound_trial.h"

#include <cstring>

#include "tunnel/loop/tcp_socket.h"
#include "tunnel/punch/preamble.h"

namespace culvert::service {

InboundTrial::InboundTrial(loop::Loop& loop, const SocketAddress& to,
                           const control::TrialSecret& secret, Listener& listener)
    : loop_(loop),
      to_(to),
      preamble_(punch::trial_preamble(secret)),
      listener_(listener),
      timer_(loop, *this) {
  dial_.emplace(loop, to, kLimit, static_cast<loop::TcpDial::Listener&>(*this));
}

InboundTrial::~InboundTrial() {
  if (pipe_) pipe_->set_listener(nullptr);
}

void InboundTrial::on_dialled(loop::TcpDial&, UniqueFd fd, int error) {
  if (error != 0) return finish(from_errno(error), std::strerror(error));
  pipe_ = std::make_unique<loop::TcpSocket>(loop_, std::move(fd));
  pipe_->set_listener(this);
  pipe_->set_interest(/*readable=*/true, /*writable=*/false);
  timer_.start(kLimit);
  pipe_->write(preamble_);  // 20 octets into an empty socket; a failure shows when reading
  dial_.reset();            // last: it is the caller
}

void InboundTrial::on_readable() {
  std::byte buffer[64];
  const auto got = pipe_->read(buffer);
  using State = loop::IoResult::State;
  if (got.state == State::kBlocked) return;
  if (got.state == State::kFailed) return on_broken(got.error);
  append(repeated_, Bytes{buffer}.first(got.count));
  if (repeated_ == preamble_) return finish(ErrorCode::kNone, {});
  if (got.state == State::kEnd || repeated_.size() >= preamble_.size())
    finish(ErrorCode::kAuthentication, "somebody else answers there");
}

void InboundTrial::on_broken(int error) { finish(from_errno(error), std::strerror(error)); }

void InboundTrial::on_timer(loop::Timer&) {
  finish(ErrorCode::kTimedOut, "it lets connections in, but nobody answers");
}

void InboundTrial::finish(ErrorCode error, const std::string& what) {
  control::InboundTried outcome;
  outcome.port = to_.port;
  outcome.at = to_.ip.canonical();
  outcome.error = error;
  if (error != ErrorCode::kNone) outcome.detail = "connecting to " + to_.to_string() + ": " + what;
  listener_.on_inbound_tried(outcome);
}

}  // namespace culvert::service
