// agent/preamble_pipe.h: a connection that both sides made at once (TCP simultaneous open, RFC 9293
// section 3.5), at its caller. The other side may have taken it for one that it dialled back, and
// have sent the token of our offer in front: that is left out of what is read. Everything else is
// the pipe below.
#pragma once
#include <memory>

#include "tunnel/control/offer.h"
#include "tunnel/loop/forwarding_pipe.h"

namespace culvert::agent {

class PreamblePipe final : public loop::ForwardingPipe {
 public:
  PreamblePipe(std::unique_ptr<loop::BytePipe> connection, const control::OfferToken& token);

  loop::IoResult read(MutableBytes into) override;

 private:
  ByteVector preamble_;  // as far as it is still expected
  ByteVector received_;  // until it is clear what it is
  bool clear_ = false;
};

}  // namespace culvert::agent
