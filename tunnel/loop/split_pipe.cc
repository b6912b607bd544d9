#include "tunnel/loop/split_pipe.h"

#include <cerrno>

namespace culvert::loop {

SplitPipe::SplitPipe(std::unique_ptr<BytePipe> in, std::unique_ptr<BytePipe> out)
    : in_(std::move(in)), out_(std::move(out)), in_end_(*this, false), out_end_(*this, true) {
  listen();
}

void SplitPipe::listen() {
  in_->set_listener(&in_end_);
  out_->set_listener(&out_end_);
}

void SplitPipe::allow_fragments() {
  in_->allow_fragments();
  out_->allow_fragments();
}

void SplitPipe::leave_loop() {
  listener_ = nullptr;
  in_->leave_loop();
  out_->leave_loop();
}

void SplitPipe::enter_loop(Loop& loop) {
  in_->enter_loop(loop);
  out_->enter_loop(loop);
  listen();
}

void SplitPipe::set_interest(bool readable, bool writable) {
  writable_ = writable;
  in_->set_interest(readable, false);
  out_->set_interest(hears_out_ && (readable || writable), writable);
}

void SplitPipe::end_writing() {
  ended_ = true;
  out_->end_writing();
}

void SplitPipe::abort() {
  in_->abort();
  out_->abort();
}

const Error* SplitPipe::failure() const {
  const auto* known = in_->failure();
  return known != nullptr ? known : out_->failure();
}

void SplitPipe::hear_out() {
  std::byte buffer[512];
  const auto got = out_->read(buffer);
  using State = IoResult::State;
  if (got.state == State::kBlocked) return;
  if (got.state == State::kFailed) return broken(got.error);
  if (got.state == State::kMoved) return broken(EPROTO);
  if (!ended_) return broken(EPIPE);
  hears_out_ = false;
  out_->set_interest(false, writable_);
}

void SplitPipe::broken(int error) {
  hears_out_ = false;
  out_->set_interest(false, false);
  if (listener_ != nullptr) listener_->on_broken(error);
}

void SplitPipe::End::on_readable() {
  if (written_) return owner_.hear_out();
  if (owner_.listener_ != nullptr) owner_.listener_->on_readable();
}

void SplitPipe::End::on_writable() {
  if (owner_.listener_ != nullptr) owner_.listener_->on_writable();
}

void SplitPipe::End::on_broken(int error) { owner_.broken(error); }

}  // namespace culvert::loop
