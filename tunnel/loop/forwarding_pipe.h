// tunnel/loop/forwarding_pipe.h: a pipe over a pipe that is the pipe below in every respect.
// Whoever is different in one of them derives from it.
#pragma once
#include <memory>

#include "tunnel/loop/byte_pipe.h"

namespace culvert::loop {

class ForwardingPipe : public BytePipe, private BytePipe::Listener {
 public:
  explicit ForwardingPipe(std::unique_ptr<BytePipe> under) : under_(std::move(under)) {
    under_->set_listener(this);
  }

  IoResult read(MutableBytes into) override { return under_->read(into); }
  IoResult write(Bytes from) override { return under_->write(from); }
  void set_interest(bool readable, bool writable) override {
    under_->set_interest(readable, writable);
  }
  void end_writing() override { under_->end_writing(); }
  void abort() override { under_->abort(); }
  const Error* failure() const override { return under_->failure(); }
  bool refused() const override { return under_->refused(); }
  bool stranded() const override { return under_->stranded(); }
  void allow_fragments() override { under_->allow_fragments(); }
  int bulk_round_trips() const override { return under_->bulk_round_trips(); }
  bool can_move() const override { return under_->can_move(); }
  void leave_loop() override {
    listener_ = nullptr;
    under_->leave_loop();
  }
  void enter_loop(Loop& loop) override {
    under_->enter_loop(loop);
    under_->set_listener(this);
  }

 protected:
  BytePipe& under() { return *under_; }

 private:
  void on_readable() override {
    if (listener_ != nullptr) listener_->on_readable();
  }
  void on_writable() override {
    if (listener_ != nullptr) listener_->on_writable();
  }
  void on_broken(int error) override {
    if (listener_ != nullptr) listener_->on_broken(error);
  }

  std::unique_ptr<BytePipe> under_;
};

}  // namespace culvert::loop
