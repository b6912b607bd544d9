// tests/unit/tunnel/seeded_random.h: the same bytes for the same seed.
#pragma once
#include <random>

#include "tunnel/base/random.h"

namespace culvert {

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(unsigned seed) : engine_(seed) {}
  void fill(MutableBytes out) override {
    for (auto& octet : out) octet = static_cast<std::byte>(engine_());
  }

 private:
  std::mt19937 engine_;
};

}  // namespace culvert
