#include "tunnel/session/introduction.h"

#include <array>
#include <cstring>

#include "tunnel/crypto/aead.h"

namespace culvert::session {

Introduction::Introduction(loop::Loop& loop, std::unique_ptr<loop::BytePipe> pipe, const Who& who,
                           control::Hello hello, Bytes early_frames, Duration limit,
                           Listener& listener)
    : Deferred(loop),
      listener_(listener),
      pipe_(std::move(pipe)),
      handshake_(who.self, who.peer, random_),
      timer_(loop, *this) {
  hello.timestamp = to_unix_nanoseconds(loop::Loop::wall_clock());
  if (hello.aeads.empty())
    for (const auto algorithm : crypto::preferred_algorithms())
      hello.aeads.push_back(static_cast<std::uint8_t>(algorithm));
  const auto packet = handshake_.start(hello, early_frames);
  if (packet)
    output_.append(*packet);
  else
    early_failure_ = packet.error();
  pipe_->set_listener(this);
  pipe_->set_interest(/*readable=*/true, /*writable=*/false);
  timer_.start(limit);
  sent_at_ = loop::Loop::precise_now();
  schedule();
}

Introduction::~Introduction() {
  if (pipe_) pipe_->set_listener(nullptr);
}

void Introduction::run_deferred() {
  if (early_failure_) return failed(*early_failure_, /*refused=*/false);
  on_writable();
}

void Introduction::on_writable() {
  if (output_.empty()) return;
  const auto put = pipe_->write(output_.peek());
  using State = loop::IoResult::State;
  if (put.state == State::kFailed) return pipe_failed(put.error);
  if (put.state == State::kMoved) output_.pop(put.count);
  pipe_->set_interest(/*readable=*/true, /*writable=*/!output_.empty());
}

void Introduction::on_readable() {
  static thread_local std::array<std::byte, 64 * 1024> buffer;
  const auto got = pipe_->read(buffer);
  using State = loop::IoResult::State;
  if (got.state == State::kBlocked) return;
  if (got.state == State::kEnd)
    return failed({ErrorCode::kClosed, "the peer ended the connection"}, /*refused=*/false);
  if (got.state == State::kFailed) return pipe_failed(got.error);
  append(received_, Bytes{buffer}.first(got.count));
  std::size_t taken = 0;
  auto outcome = handshake_.receive(received_, taken);
  if (!outcome) return failed(outcome.error(), /*refused=*/false);
  if (*outcome) introduced(**outcome, taken);
}

void Introduction::introduced(InitiatorHandshake::Outcome& outcome, std::size_t taken) {
  const auto& answer = outcome.answer;
  tls_certificate_ = answer.tls_certificate;
  if (answer.refusal != ErrorCode::kNone)
    return failed({answer.refusal, answer.reason}, /*refused=*/true);
  const auto algorithm = static_cast<crypto::AeadAlgorithm>(answer.aead);
  if (!crypto::is_supported(algorithm))
    return failed({ErrorCode::kProtocol, "the peer chose a cipher that we did not offer"},
                  /*refused=*/true);
  timer_.stop();
  pipe_->set_listener(nullptr);
  FreshCarrier carrier;
  carrier.pipe = std::move(pipe_);
  carrier.keys = {outcome.keys, algorithm, {}, loop::Loop::precise_now() - sent_at_};
  carrier.seen = answer.seen;
  carrier.tls_certificate = answer.tls_certificate;
  carrier.received.assign(received_.begin() + static_cast<std::ptrdiff_t>(taken), received_.end());
  listener_.on_introduced(*this, std::move(carrier));
}

void Introduction::on_broken(int error) { pipe_failed(error); }

void Introduction::on_timer(loop::Timer&) {
  failed({ErrorCode::kTimedOut, "the peer did not answer the handshake in time"},
         /*refused=*/false);
}

// A relay's refusal of a circuit breaks the pipe and is told by it: an answer all the same.
void Introduction::pipe_failed(int error) {
  if (const auto* known = pipe_->failure()) return failed(*known, pipe_->refused());
  failed({from_errno(error), std::string("the connection broke: ") + std::strerror(error)},
         /*refused=*/false);
}

void Introduction::failed(const Error& why, bool refused) {
  timer_.stop();
  pipe_->set_listener(nullptr);
  pipe_->set_interest(false, false);
  listener_.on_introduction_failed(*this, why, refused);
}

}  // namespace culvert::session
