// agent/preamble_pipe.h: a connection that both sides made at once (TCP simultaneous open, RFC 9293
// section 3.5), at its caller. The other side may have taken it for one that it dialled back, and
// have sent the token of our offer in front: that is left out of what is read. Everything else is
// the pipe below.
#pragma once
#include <memory>

#include "tunnel/control/offer.h"
#include "tunnel/loop/byte_pipe.h"

namespace culvert::agent {

class PreamblePipe final : public loop::BytePipe, private loop::BytePipe::Listener {
 public:
  PreamblePipe(std::unique_ptr<loop::BytePipe> under, const control::OfferToken& token);

  loop::IoResult read(MutableBytes into) override;
  loop::IoResult write(Bytes from) override { return under_->write(from); }
  void set_interest(bool readable, bool writable) override {
    under_->set_interest(readable, writable);
  }
  void end_writing() override { under_->end_writing(); }
  void abort() override { under_->abort(); }
  const Error* failure() const override { return under_->failure(); }

 private:
  void on_readable() override;
  void on_writable() override;
  void on_broken(int error) override;

  std::unique_ptr<loop::BytePipe> under_;
  ByteVector preamble_;  // as far as it is still expected
  ByteVector received_;  // until it is clear what it is
  bool clear_ = false;
};

}  // namespace culvert::agent
