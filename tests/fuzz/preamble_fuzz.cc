// The first octets at an endpoint's direct port: more of them never change what was recognised.
#include <cstdlib>

#include "tunnel/punch/preamble.h"

using namespace culvert;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = std::as_bytes(std::span{data, size});
  auto before = punch::FirstOctets::Kind::kUndecided;
  for (std::size_t count = 0; count <= std::min<std::size_t>(size, 32); ++count) {
    const auto now = punch::recognise(input.first(count)).kind;
    if (before != punch::FirstOctets::Kind::kUndecided && now != before) std::abort();
    before = now;
  }
  return 0;
}
