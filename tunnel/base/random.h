// tunnel/base/random.h: where cores get unpredictable bytes from, so that tests can seed them.
#pragma once
#include <sodium.h>

#include "tunnel/base/bytes.h"

namespace culvert {

class Random {
 public:
  virtual void fill(MutableBytes out) = 0;
  virtual ~Random() = default;
};

// The kernel's generator. Never fails once the process has called sodium_init().
class SystemRandom final : public Random {
 public:
  void fill(MutableBytes out) override { randombytes_buf(out.data(), out.size()); }
};

}  // namespace culvert
