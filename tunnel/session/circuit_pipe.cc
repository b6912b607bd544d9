#include "tunnel/session/circuit_pipe.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tunnel/base/time.h"
#include "tunnel/loop/loop.h"

namespace culvert::session {

using loop::IoResult;

CircuitPipe::CircuitPipe(std::unique_ptr<BytePipe> under, const crypto::KeyPair& self,
                         const crypto::PublicKey& service, control::Hello hello, Random& random,
                         std::shared_ptr<CircuitNews> news)
    : under_(std::move(under)), news_(std::move(news)), handshake_(self, service, random) {
  hello.timestamp = to_unix_nanoseconds(loop::Loop::wall_clock());
  random.fill(hello.session);
  const auto packet = handshake_.start(hello, {});
  if (packet) {
    greeting_.append(*packet);
  } else {
    refusal_ = packet.error();
    error_ = EPROTO;
  }
  under_->set_listener(this);
  update_interest();
}

// The greeting must leave even if the owner waits for the other side to speak first.
void CircuitPipe::update_interest() {
  under_->set_interest(want_read_, want_write_ || !greeting_.empty());
}

void CircuitPipe::set_interest(bool readable, bool writable) {
  want_read_ = readable;
  want_write_ = writable;
  update_interest();
}

bool CircuitPipe::flush_greeting() {
  while (!greeting_.empty()) {
    const auto put = under_->write(greeting_.peek());
    if (put.state == IoResult::State::kFailed) error_ = put.error;
    if (put.state != IoResult::State::kMoved) return false;
    greeting_.pop(put.count);
  }
  greeting_.release_if_empty();
  if (std::exchange(end_due_, false)) under_->end_writing();
  return true;
}

IoResult CircuitPipe::write(Bytes from) {
  if (error_ != 0) return IoResult::failed(error_);
  if (!flush_greeting()) return error_ != 0 ? IoResult::failed(error_) : IoResult::blocked();
  return under_->write(from);
}

IoResult CircuitPipe::read(MutableBytes into) {
  if (error_ != 0) return IoResult::failed(error_);
  if (!answered_) {
    std::byte buffer[16 * 1024];
    const auto got = under_->read(buffer);
    if (got.state != IoResult::State::kMoved) return got;
    append(answer_, Bytes{buffer}.first(got.count));
    if (!read_answer()) return error_ != 0 ? IoResult::failed(error_) : IoResult::blocked();
  }
  if (!behind_.empty()) {
    const auto count = std::min(into.size(), behind_.size());
    std::memcpy(into.data(), behind_.peek().data(), count);
    behind_.pop(count);
    behind_.release_if_empty();
    return IoResult::moved(count);
  }
  return under_->read(into);
}

bool CircuitPipe::read_answer() {
  std::size_t taken = 0;
  const auto outcome = handshake_.receive(answer_, taken);
  if (!outcome) {
    refusal_ = outcome.error();
    error_ = EPROTO;
    return false;
  }
  if (!*outcome) return false;
  if ((*outcome)->answer.refusal != ErrorCode::kNone) {
    refused_ = true;
    refusal_ = Error{(*outcome)->answer.refusal, (*outcome)->answer.reason};
    error_ = std::max(1, to_errno(refusal_->code));
    return false;
  }
  if (news_) news_->other_seen = (*outcome)->answer.other_seen;
  behind_.append(Bytes{answer_}.subspan(taken));
  answer_ = {};
  answered_ = true;
  return true;
}

void CircuitPipe::end_writing() {
  if (greeting_.empty())
    under_->end_writing();
  else
    end_due_ = true;
}

void CircuitPipe::abort() { under_->abort(); }

void CircuitPipe::on_readable() {
  if (listener_ != nullptr) listener_->on_readable();
}

void CircuitPipe::on_writable() {
  const bool through = flush_greeting();
  update_interest();
  if (error_ != 0) return on_broken(error_);
  if (through && want_write_ && listener_ != nullptr) listener_->on_writable();
}

void CircuitPipe::on_broken(int error) {
  if (listener_ != nullptr) listener_->on_broken(error);
}

}  // namespace culvert::session
