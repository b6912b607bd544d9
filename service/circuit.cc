#include "service/circuit.h"

namespace culvert::service {
namespace {

using State = loop::IoResult::State;

// One for all circuits of the thread.
MutableBytes shared_buffer() {
  static thread_local std::array<std::byte, Circuit::kReadAtOnce> buffer;
  return buffer;
}

}  // namespace

Circuit::Circuit(Leg a, Leg b, Listener& listener) : listener_(listener) {
  a_.circuit = b_.circuit = this;
  a_.other = &b_;
  b_.other = &a_;
  a_.pipe = std::move(a.pipe);
  b_.pipe = std::move(b.pipe);
  a_.waiting.append(b.received);
  b_.waiting.append(a.received);
  octets_ = a.received.size() + b.received.size();
  a_.pipe->set_listener(&a_);
  b_.pipe->set_listener(&b_);
  settle();  // with both pipes new, this only sets the interest
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
  if (!from.other->waiting.empty() || from.input_ended) return settle();
  const auto got = from.pipe->read(shared_buffer());
  if (got.state == State::kFailed) return fail();
  if (got.state == State::kEnd) from.input_ended = true;
  if (got.state == State::kMoved) {
    octets_ += got.count;
    const Bytes bytes = shared_buffer().first(got.count);
    const auto put = from.other->pipe->write(bytes);
    if (put.state == State::kFailed) return fail();
    from.other->waiting.append(bytes.subspan(put.state == State::kMoved ? put.count : 0));
  }
  settle();
}

void Circuit::flush(Side& to) {
  if (!to.waiting.empty()) {
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
    if (side->other->input_ended && side->waiting.empty() && !side->output_ended) {
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
    side->pipe->set_interest(!side->input_ended && side->other->waiting.empty(),
                             !side->waiting.empty());
}

}  // namespace culvert::service
