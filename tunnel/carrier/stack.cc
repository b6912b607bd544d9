#include "tunnel/carrier/stack.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>

namespace culvert::carrier {

using loop::IoResult;
using State = IoResult::State;

namespace {

// Less costs system calls, more does not pay (0.13 CPU-seconds per GB for 64 against 128 KiB in
// both directions, measured). Into little room less is pulled, so that little waits in the layer.
constexpr std::size_t kPullSize = 128 * 1024;
constexpr std::size_t kMinPullSize = 16 * 1024;

// Stacks stand on stacks (WebSocket over TLS), and the lower one pulls for the upper one while that
// pulls itself: each needs a buffer of its own.
class Pulling {
 public:
  Pulling() {
    assert(depth_ < kMostNested);
    ++depth_;
  }
  ~Pulling() { --depth_; }
  Pulling(const Pulling&) = delete;
  Pulling& operator=(const Pulling&) = delete;
  static std::array<std::byte, kPullSize>& buffer() {
    static thread_local std::array<std::array<std::byte, kPullSize>, kMostNested> buffers;
    return buffers[depth_ - 1];
  }

 private:
  static constexpr std::size_t kMostNested = 6;  // TLS to three proxies, to the service, WebSocket
  static thread_local std::size_t depth_;
};
thread_local std::size_t Pulling::depth_ = 0;

}  // namespace

Stack::Stack(loop::Loop& loop, std::unique_ptr<BytePipe> under, std::unique_ptr<Layer> layer,
             Bytes received)
    : Deferred(loop), under_(std::move(under)), layer_(std::move(layer)) {
  under_->set_listener(this);
  if (!received.empty()) take(layer_->receive(received));
  update_interest();
}

IoResult Stack::read(MutableBytes into) {
  auto room = into;
  for (;;) {
    take_readable(room);
    // Behind the first octets only what fits: the rest would have to be copied once more.
    const bool enough = room.size() < into.size() && room.size() < kPullSize;
    if (enough || error_ != 0 || layer_->peer_ended() || !pull(room)) break;
  }
  take_readable(room);
  update_interest();
  if (const auto count = into.size() - room.size(); count != 0) {
    if (want_read_ && has_news()) schedule();  // below may have nothing more
    return IoResult::moved(count);
  }
  if (error_ != 0) return failed();
  return layer_->peer_ended() ? IoResult::end() : IoResult::blocked();
}

void Stack::take_readable(MutableBytes& room) {
  const auto ready = layer_->readable().first(std::min(room.size(), layer_->readable().size()));
  if (ready.empty()) return;
  std::memcpy(room.data(), ready.data(), ready.size());
  room = room.subspan(ready.size());
  layer_->consumed(ready.size());
}

bool Stack::pull(MutableBytes& room) {
  if (end_read_ || !layer_->wants_input()) return false;
  const Pulling pulling;
  auto& buffer = pulling.buffer();
  const auto wanted = std::clamp(room.size(), kMinPullSize, kPullSize);
  const auto got = under_->read(MutableBytes{buffer}.first(wanted));
  switch (got.state) {
    case State::kMoved: take(layer_->receive_into(Bytes{buffer}.first(got.count), room)); break;
    case State::kEnd:
      end_read_ = true;
      take(layer_->receive_end());
      break;
    case State::kFailed: broke(got.error); break;
    case State::kBlocked: return false;
  }
  flush();
  return got.count == wanted;  // else there is no more, or there will be another event
}

bool Stack::has_news() const {
  return !layer_->readable().empty() || layer_->peer_ended() || error_ != 0;
}

void Stack::take(const Result<void>& step) {
  if (step || error_ != 0) return;
  failure_ = step.error();
  error_ = std::max(1, to_errno(step.error().code));
}

void Stack::broke(int error) {
  if (error_ == 0) error_ = error;
}

// The layer takes a bounded piece at a time, so that no more waits in it than below has refused.
IoResult Stack::write(Bytes from) {
  if (error_ != 0) return failed();
  std::size_t moved = 0;
  for (;;) {
    const auto taken = layer_->write(from.subspan(moved));
    if (!taken) take(fail(taken.error()));
    flush();
    if (!taken || *taken == 0) break;
    moved += *taken;
    if (moved == from.size() || blocked_below_) break;
  }
  update_interest();
  if (error_ != 0) return failed();
  return moved == 0 ? IoResult::blocked() : IoResult::moved(moved);
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

void Stack::go_on() {
  layer_->go_on();
  flush();
  update_interest();
}

void Stack::set_interest(bool readable, bool writable) {
  const bool again = readable && !want_read_;
  want_read_ = readable;
  want_write_ = writable;
  if (want_read_ && (again ? has_news() : !layer_->readable().empty())) schedule();
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

std::unique_ptr<loop::BytePipe> Stack::take_under() {
  under_->set_listener(nullptr);
  under_->set_interest(false, false);
  return std::move(under_);
}

void Stack::abort() { under_->abort(); }

bool Stack::can_move() const {
  return layer_->established() && layer_->stands_alone() && under_->can_move();
}

void Stack::leave_loop() {
  listener_ = nullptr;
  want_read_ = want_write_ = false;
  Deferred::leave_loop();
  under_->leave_loop();
}

void Stack::enter_loop(loop::Loop& loop) {
  Deferred::enter_loop(loop);
  under_->enter_loop(loop);
  under_->set_listener(this);
  update_interest();
}

void Stack::on_readable() {
  const bool was_opening = !layer_->established();
  if (was_opening) {
    MutableBytes nowhere;
    pull(nowhere);
    update_interest();
  }
  const bool opened = was_opening && layer_->established();
  if ((opened || (was_opening && layer_->waits())) && want_write_) schedule();
  if (listener_ == nullptr) return;
  if (want_read_ && (!was_opening || has_news())) return listener_->on_readable();
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
  if (want_write_ && layer_->waits()) return listener_->on_writable();
  if (want_write_ && layer_->established() && !blocked_below_) {
    if (want_read_ && has_news()) schedule();
    return listener_->on_writable();
  }
  if (want_read_ && has_news()) listener_->on_readable();
}

}  // namespace culvert::carrier
