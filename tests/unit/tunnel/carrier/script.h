// tests/unit/tunnel/carrier/script.h: the far side of a layer's conversation as a script of bytes:
// what the layer must say, and what it is answered, cut at random places.
#pragma once
#include <gtest/gtest.h>

#include <random>

#include "tunnel/carrier/layer.h"

namespace culvert::carrier {

inline ByteVector raw(std::string_view text) {
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

// Takes all that the layer wants to send now.
inline std::string said(Layer& layer) {
  std::string out;
  while (!layer.pending_output().empty()) {
    out += as_text(layer.pending_output());
    layer.output_sent(layer.pending_output().size());
  }
  return out;
}

// In pieces of 1 to 1 + seed % 40 octets; seed 0: octet by octet. Stops at the first failure.
inline Result<void> hear(Layer& layer, std::string_view text, unsigned seed) {
  std::mt19937 random(seed);
  while (!text.empty()) {
    const auto count = std::min<std::size_t>(text.size(), 1 + random() % (1 + seed % 40));
    if (auto done = layer.receive(as_bytes(text.substr(0, count))); !done) return done;
    text.remove_prefix(count);
  }
  return {};
}

class Scripted : public testing::TestWithParam<unsigned> {
 protected:
  Result<void> hear(Layer& layer, std::string_view text) const {
    return carrier::hear(layer, text, GetParam());
  }
  // The error that the answer leads to, or "none".
  std::string error_after(Layer& layer, std::string_view text) const {
    (void)said(layer);
    const auto done = hear(layer, text);
    return done ? "none" : done.error().detail;
  }
};

}  // namespace culvert::carrier
