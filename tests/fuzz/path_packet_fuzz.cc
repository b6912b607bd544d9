// Packets of a UDP path from anybody: none opens, none is answered, names are read within bounds.
#include <cstdlib>

#include "tunnel/path/path.h"

using namespace culvert;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = std::as_bytes(std::span{data, size});
  (void)path::name_of(input);
  SystemRandom random;
  static path::Path one(random), other(random);
  one.set_peer(other.own_offer(), true);
  const path::Route route{0, {IpAddress::v4(0x0a000001), 9}};
  if (one.receive(input, route, TimePoint{}) || !one.take_output().empty()) std::abort();
  return 0;
}
