#include "tunnel/loop/circuit.h"

namespace culvert::loop {
namespace {

using State = IoResult::State;

// One for all circuits of the thread.
MutableBytes shared_buffer() {
  static thread_local std::array<std::byte, Circuit::kCopyAtOnce> buffer;
  return buffer;
}

}  // namespace

Circuit::Circuit(Leg a, Leg b, SplicePipePool* pipes, Listener& listener)
    : listener_(listener), pipes_(pipes) {
  a_.circuit = b_.circuit = this;
  a_.other = &b_;
  b_.other = &a_;
  a_.pipe = std::move(a.pipe);
  b_.pipe = std::move(b.pipe);
  auto* const bare_a = dynamic_cast<TcpSocket*>(a_.pipe.get());
  auto* const bare_b = dynamic_cast<TcpSocket*>(b_.pipe.get());
  if (pipes_ != nullptr && bare_a != nullptr && bare_b != nullptr) {
    a_.socket = bare_a;
    b_.socket = bare_b;
    bare_a->splice_from_now();
    bare_b->splice_from_now();
  }
  a_.waiting.append(b.received);
  b_.waiting.append(a.received);
  octets_ = a.received.size() + b.received.size();
  a_.pipe->set_listener(&a_);
  b_.pipe->set_listener(&b_);
  settle();  // with both pipes new, this only sets the interest
}

Circuit::~Circuit() {
  for (auto* side : {&a_, &b_})
    if (side->held) pipes_->give_back(std::move(side->held));
}

void Circuit::abort() {
  a_.pipe->set_listener(nullptr);
  b_.pipe->set_listener(nullptr);
  a_.pipe->abort();
  b_.pipe->abort();
}

void Circuit::fail() {
  abort();
  listener_.on_circuit_ended(*this);
}

void Circuit::move_from(Side& from) {
  if (from.other->has_waiting() || from.input_ended) return settle();
  const auto got = from.socket == nullptr ? copy(from, kCopyAtOnce)
                   : from.bulk            ? splice(from)
                                          : copy(from, kBulk);
  if (got.state == State::kFailed) return fail();
  if (got.state == State::kEnd) from.input_ended = true;
  settle();
}

// What the other side does not take at once stays in its queue. kFailed: either side.
IoResult Circuit::copy(Side& from, std::size_t most) {
  const auto got = from.pipe->read(shared_buffer().first(most));
  from.bulk = got.state == State::kMoved && got.count >= kBulk;
  if (got.state != State::kMoved) return got;
  octets_ += got.count;
  const Bytes bytes = shared_buffer().first(got.count);
  const auto put = from.other->pipe->write(bytes);
  if (put.state == State::kFailed) return put;
  from.other->waiting.append(bytes.subspan(put.state == State::kMoved ? put.count : 0));
  return got;
}

IoResult Circuit::splice(Side& from) {
  auto pipe = pipes_->take();
  if (!pipe) return copy(from, kCopyAtOnce);
  const auto got = from.socket->read(*pipe, kSpliceAtOnce);
  if (got.state != State::kMoved) pipes_->give_back(std::move(pipe));
  if (got.state == State::kBlocked) return copy(from, kCopyAtOnce);
  if (got.state != State::kMoved) return got;
  octets_ += got.count;
  octets_spliced_ += got.count;
  from.bulk = got.count >= kBulk;
  from.other->held = std::move(pipe);
  const auto put = drain(*from.other);
  return put.state == State::kFailed ? put : got;
}

IoResult Circuit::drain(Side& to) {
  const auto put = to.socket->write(*to.held);
  if (to.held->held() == 0) pipes_->give_back(std::move(to.held));
  return put;
}

void Circuit::flush(Side& to) {
  if (to.held) {
    if (drain(to).state == State::kFailed) return fail();
  } else if (!to.waiting.empty()) {
    const auto put = to.pipe->write(to.waiting.peek());
    if (put.state == State::kFailed) return fail();
    if (put.state == State::kMoved) to.waiting.pop(put.count);
    to.waiting.release_if_empty();
  }
  settle();
}

// What follows from the state, whatever led to it.
void Circuit::settle() {
  for (auto* side : {&a_, &b_}) {
    if (side->other->input_ended && !side->has_waiting() && !side->output_ended) {
      side->output_ended = true;
      side->pipe->end_writing();
    }
  }
  if (a_.output_ended && b_.output_ended) {
    a_.pipe->set_listener(nullptr);
    b_.pipe->set_listener(nullptr);
    return listener_.on_circuit_ended(*this);
  }
  for (auto* side : {&a_, &b_})
    side->pipe->set_interest(!side->input_ended && !side->other->has_waiting(),
                             side->has_waiting());
}

}  // namespace culvert::loop
