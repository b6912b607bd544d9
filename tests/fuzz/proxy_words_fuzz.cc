// What is read from texts about proxies: their URLs, their challenges, their NTLM messages.
#include <cstdlib>

#include "tunnel/carrier/digest_login.h"
#include "tunnel/carrier/ntlm.h"

using namespace culvert;
using namespace culvert::carrier;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto input = std::as_bytes(std::span{data, size}).subspan(1);
  const auto text = as_text(input);
  if (data[0] % 3 == 0) {
    const auto proxy = parse_proxy(text);
    // What was understood is understood again, as the same.
    if (proxy && !parse_proxy(proxy->to_string())->is_same_place(*proxy)) abort();
  } else if (data[0] % 3 == 1) {
    for (const auto& challenge : parse_challenges({text, text})) {
      auto digest = DigestLogin::make(challenge);
      if (digest) (void)digest->authorization({"", "u", "p"}, "CONNECT", "h:1", "cnonce");
    }
  } else {
    (void)ntlm_authenticate(input, {"D", std::string(text.substr(0, 20)), "p"}, {}, 0).has_value();
  }
  return 0;
}
