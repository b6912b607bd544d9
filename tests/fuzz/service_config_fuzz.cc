#include <algorithm>
#include <cstdlib>

#include "service/config.h"
#include "service/records.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace culvert;
  const auto input = std::as_bytes(std::span{data, size});
  // toml++ 3.3.0 marks as unreachable what "\xc3\xa0" in a key's place reaches (its white space
  // test, U+00A1 to U+0499), which UBSan stops at: it is not ours to find again and again.
  const bool ascii =
      std::all_of(input.begin(), input.end(), [](auto b) { return b < std::byte{128}; });
  if (ascii) {
    const auto config = service::parse_config(as_text(input), "/fuzz.toml");
    if (!config && config.error().detail.rfind("/fuzz.toml:", 0) != 0) std::abort();
    if (config && (config->domain.empty() || config->listen.empty())) std::abort();
  }

  const auto endpoint = service::decode_endpoint(input);
  if (endpoint && *service::decode_endpoint(service::encode(*endpoint)) != *endpoint) std::abort();
  (void)service::decode_invitation_record(input);
  (void)service::decode_floor(input);
  return 0;
}
