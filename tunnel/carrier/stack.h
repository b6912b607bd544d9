// tunnel/carrier/stack.h: runs the layers of a recipe over a BytePipe, and is a BytePipe again.
//
// Knows no layer by name: carrier_dial.cc and the service's front door make them. The pipe is
// usable at once; what is written before the layers are established goes out when they are.
#pragma once
#include <memory>
#include <optional>

#include "tunnel/carrier/layer.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/loop.h"

namespace culvert::carrier {

class Stack final : public loop::BytePipe,
                    private loop::BytePipe::Listener,
                    private loop::Deferred {
 public:
  Stack(loop::Loop& loop, std::unique_ptr<loop::BytePipe> under, std::unique_ptr<Layer> layer,
        Bytes received = {});  // octets read from `under` already, at most 128 KiB

  loop::IoResult read(MutableBytes into) override;
  loop::IoResult write(Bytes from) override;
  void set_interest(bool readable, bool writable) override;
  void end_writing() override;
  void abort() override;

  const Layer& layer() const { return *layer_; }
  // Of a layer that waits(), as on_writable() of the owner has found.
  void go_on();
  // For a layer that was only an opening; then destroy the stack. No interest is set on the pipe.
  std::unique_ptr<BytePipe> take_under();
  const Error* failure() const override { return failure_ ? &*failure_ : under_->failure(); }
  bool stranded() const override { return under_->stranded(); }
  void allow_fragments() override { under_->allow_fragments(); }
  bool can_move() const override;
  void leave_loop() override;
  void enter_loop(loop::Loop& loop) override;

 private:
  void on_readable() override;
  void on_writable() override;
  void on_broken(int error) override;

  void run_deferred() override;
  bool pull(MutableBytes& room);  // from below through the layer; false: there is no more now
  void take_readable(MutableBytes& room);
  bool has_news() const;  // for a reader
  void flush();           // from the layer to below
  void take(const Result<void>& step);
  void broke(int error);
  void update_interest();
  loop::IoResult failed() const { return loop::IoResult::failed(error_); }

  std::unique_ptr<loop::BytePipe> under_;
  std::unique_ptr<Layer> layer_;
  std::optional<Error> failure_;
  bool want_read_ = false, want_write_ = false;
  bool blocked_below_ = false, end_read_ = false, end_written_ = false;
  int error_ = 0;
};

}  // namespace culvert::carrier
