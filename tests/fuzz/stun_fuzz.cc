// STUN messages: what decodes must encode to something that decodes to the same.
#include <cstdlib>

#include "tunnel/stun/message.h"

using namespace culvert;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = std::as_bytes(std::span{data, size});
  (void)stun::size_of_message(input);
  if (auto request = stun::decode_request(input)) {
    request->unknown.clear();  // is not written
    if (*stun::decode_request(stun::encode(*request)) != *request) std::abort();
  }
  if (const auto response = stun::decode_response(input)) (void)stun::encode(*response);
  return 0;
}
