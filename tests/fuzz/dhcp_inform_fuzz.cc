#include <cstdlib>
#include <span>

#include "tunnel/base/byte_codec.h"
#include "tunnel/proxies/dhcp_inform.h"

// Whoever is on the network answers: text that is handed on is plain.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace culvert;
  const auto packet = std::as_bytes(std::span{data, size});
  const auto transaction = size >= 8 ? load_be<std::uint32_t>(packet.data() + 4) : 0u;
  const auto answer = proxies::decode_dhcp_answer(packet, transaction);
  if (!answer) return 0;
  for (const auto& text : {answer->pac_url, answer->captive_portal, answer->domain})
    for (const char c : text)
      if (c <= 0x20 || c == 0x7f) std::abort();
  return 0;
}
