#include <cstdlib>

#include "tunnel/proxies/pac_answer.h"
#include "tunnel/proxies/pac_frames.h"

// What a worker taken over by its script may send, and what scripts may return: always bounded, and
// what was accepted is accepted again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace culvert::proxies;
  std::string wire(reinterpret_cast<const char*>(data), size);
  if (find_pac_literals(wire).size() > kMostPacProxies) std::abort();
  while (true) {
    const auto before = wire.size();
    const auto frame = take_pac_frame(wire);
    if (!frame || !*frame) break;
    if (wire.size() >= before || (*frame)->payload.size() > kMostPacFrame) std::abort();
    const auto answer = parse_pac_answer((*frame)->payload);
    if (answer.urls.size() > kMostPacProxies) std::abort();
    if (answer.urls.empty() && !answer.direct) std::abort();
  }
  return 0;
}
