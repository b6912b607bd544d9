// tunnel/base/strays.h: parts of a text that are not in their place in it yet. Whoever goes over
// all of it anyway, as sealing does, brings them there: that saves a copy of every octet of bulk.
#pragma once
#include <array>
#include <cassert>
#include <cstring>

#include "tunnel/base/bytes.h"

namespace culvert {

struct Stray {
  std::size_t at = 0;  // where in the text its octets belong
  Bytes octets;        // borrowed, and outside the text
};

// In ascending order, without overlaps.
class Strays {
 public:
  static constexpr std::size_t kMost = 8;

  bool full() const { return count_ == kMost; }
  void add(std::size_t at, Bytes octets) {
    assert(!full() && (count_ == 0 || at >= all_[count_ - 1].at + all_[count_ - 1].octets.size()));
    all_[count_++] = {at, octets};
  }
  std::span<const Stray> all() const { return std::span{all_}.first(count_); }

 private:
  std::array<Stray, kMost> all_;
  std::size_t count_ = 0;
};

inline void bring_home(MutableBytes text, std::span<const Stray> strays) {
  for (const auto& stray : strays)
    if (!stray.octets.empty())  // memcpy() wants an address even for nothing
      std::memcpy(text.subspan(stray.at, stray.octets.size()).data(), stray.octets.data(),
                  stray.octets.size());
}

}  // namespace culvert
