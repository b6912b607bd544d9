// tunnel/loop/split_pipe.h: one pipe of two, each of which is used in one direction alone.
//
// The one that is written to is still heard: its end, before ours, is how it says that nobody
// reads.
#pragma once
#include <memory>

#include "tunnel/loop/byte_pipe.h"

namespace culvert::loop {

class SplitPipe final : public BytePipe {
 public:
  SplitPipe(std::unique_ptr<BytePipe> in, std::unique_ptr<BytePipe> out);

  IoResult read(MutableBytes into) override { return in_->read(into); }
  IoResult write(Bytes from) override { return out_->write(from); }
  void set_interest(bool readable, bool writable) override;
  void end_writing() override;
  void abort() override;
  const Error* failure() const override;
  bool stranded() const override { return in_->stranded() || out_->stranded(); }
  void allow_fragments() override;
  bool can_move() const override { return in_->can_move() && out_->can_move(); }
  void leave_loop() override;
  void enter_loop(Loop& loop) override;

 private:
  class End final : public BytePipe::Listener {
   public:
    End(SplitPipe& owner, bool written) : owner_(owner), written_(written) {}
    void on_readable() override;
    void on_writable() override;
    void on_broken(int error) override;

   private:
    SplitPipe& owner_;
    bool written_;
  };
  void hear_out();
  void broken(int error);
  void listen();

  std::unique_ptr<BytePipe> in_, out_;
  End in_end_, out_end_;
  bool hears_out_ = true, writable_ = false, ended_ = false;
};

}  // namespace culvert::loop
