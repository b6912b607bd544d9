#include "tunnel/carrier/stack.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace culvert::carrier {

using loop::IoResult;
using State = IoResult::State;

Stack::Stack(loop::Loop& loop, std::unique_ptr<BytePipe> under, std::unique_ptr<Layer> layer,
             Bytes received)
    : Deferred(loop), under_(std::move(under)), layer_(std::move(layer)) {
  under_->set_listener(this);
  if (!received.empty()) take(layer_->receive(received));
  update_interest();
}

IoResult Stack::read(MutableBytes into) {
  while (true) {
    const auto ready = layer_->readable();
    if (!ready.empty()) {
      const auto count = std::min(into.size(), ready.size());
      std::memcpy(into.data(), ready.data(), count);
      layer_->consumed(count);
      if (want_read_ && !layer_->readable().empty()) schedule();  // below may have nothing more
      update_interest();
      return IoResult::moved(count);
    }
    if (error_ != 0) return failed();
    if (layer_->peer_ended()) return IoResult::end();
    if (!pull()) return error_ != 0 ? failed() : IoResult::blocked();
  }
}

bool Stack::pull() {
  if (end_read_ || !layer_->wants_input()) return false;
  static thread_local std::array<std::byte, 64 * 1024> buffer;
  const auto got = under_->read(buffer);
  switch (got.state) {
    case State::kMoved: take(layer_->receive(Bytes{buffer}.first(got.count))); break;
    case State::kEnd:
      end_read_ = true;
      take(layer_->receive_end());
      break;
    case State::kFailed: broke(got.error); break;
    case State::kBlocked: return false;
  }
  flush();
  update_interest();
  return error_ == 0 || !layer_->readable().empty();
}

void Stack::take(const Result<void>& step) {
  if (step || error_ != 0) return;
  failure_ = step.error();
  error_ = std::max(1, to_errno(step.error().code));
}

void Stack::broke(int error) {
  if (error_ == 0) error_ = error;
}

IoResult Stack::write(Bytes from) {
  if (error_ != 0) return failed();
  const auto taken = layer_->write(from);
  if (!taken) {
    take(fail(taken.error()));
    return failed();
  }
  flush();
  update_interest();
  if (error_ != 0) return failed();
  return *taken == 0 ? IoResult::blocked() : IoResult::moved(*taken);
}

void Stack::flush() {
  blocked_below_ = false;
  while (!layer_->pending_output().empty()) {
    const auto put = under_->write(layer_->pending_output());
    if (put.state == State::kFailed) return broke(put.error);
    if (put.state != State::kMoved) {
      blocked_below_ = true;
      return;
    }
    layer_->output_sent(put.count);
  }
  if (layer_->output_ended() && !std::exchange(end_written_, true)) under_->end_writing();
}

void Stack::set_interest(bool readable, bool writable) {
  want_read_ = readable;
  want_write_ = writable;
  if (want_read_ && !layer_->readable().empty()) schedule();
  update_interest();
}

// The layer's own conversation goes on whatever the owner wants at the moment.
void Stack::update_interest() {
  const bool opening = !layer_->established();
  const bool write_below = !layer_->pending_output().empty() || (want_write_ && !opening);
  under_->set_interest((want_read_ || opening) && !end_read_ && layer_->wants_input(), write_below);
}

void Stack::end_writing() {
  take(layer_->end_writing());
  flush();
  update_interest();
}

void Stack::abort() { under_->abort(); }

void Stack::on_readable() {
  const bool was_opening = !layer_->established();
  if (was_opening) pull();
  const bool opened = was_opening && layer_->established();
  if (opened && want_write_) schedule();
  const bool something = !layer_->readable().empty() || error_ != 0 || layer_->peer_ended();
  if (listener_ == nullptr) return;
  if (want_read_ && (!was_opening || something)) return listener_->on_readable();
  if (error_ != 0) listener_->on_broken(error_);
}

void Stack::on_writable() {
  flush();
  update_interest();
  if (listener_ == nullptr) return;
  if (error_ != 0) return listener_->on_broken(error_);
  if (want_write_ && !blocked_below_ && layer_->established()) listener_->on_writable();
}

void Stack::on_broken(int error) {
  broke(error);
  if (listener_ != nullptr) listener_->on_broken(error);
}

void Stack::run_deferred() {
  if (listener_ == nullptr) return;
  if (want_write_ && layer_->established() && !blocked_below_) {
    if (want_read_ && !layer_->readable().empty()) schedule();
    return listener_->on_writable();
  }
  if (want_read_ && !layer_->readable().empty()) listener_->on_readable();
}

}  // namespace culvert::carrier
