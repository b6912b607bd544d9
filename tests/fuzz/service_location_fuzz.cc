#include <cstdlib>
#include <span>

#include "tunnel/base/byte_codec.h"
#include "tunnel/proxies/service_location.h"

// Whoever is on the network answers: what is handed on is plain, short, and names no user.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace culvert;
  const auto packet = std::as_bytes(std::span{data, size});
  const auto transaction =
      size >= 12 ? load_be<std::uint16_t>(packet.data() + 10) : std::uint16_t{0};
  const auto proxies = proxies::decode_service_reply(packet, transaction);
  if (!proxies) return 0;
  if (proxies->size() > proxies::kMostLocated) std::abort();
  for (const auto& url : *proxies) {
    if (url.size() > 300 || url.find("//") == url.npos) std::abort();
    for (const char c : url)
      if (c <= 0x20 || c >= 0x7f || c == '@') std::abort();
  }
  return 0;
}
