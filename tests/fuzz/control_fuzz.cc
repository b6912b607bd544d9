// Every decoder of tunnel/control: what decodes must encode and decode to the same value.
#include <cstdlib>

#include "tunnel/control/hello.h"
#include "tunnel/control/invitation.h"
#include "tunnel/control/messages.h"
#include "tunnel/control/target.h"

using namespace culvert::control;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto input = std::as_bytes(std::span{data + 1, size - 1});
  std::size_t taken = 0;
  switch (data[0] % 5) {
    case 0:
      if (const auto v = decode_target(input); v && *decode_target(encode(*v)) != *v) std::abort();
      break;
    case 1:
      if (const auto v = decode_hello(input); v && !decode_hello(encode(*v))) std::abort();
      break;
    case 2:
      if (const auto v = decode_hello_answer(input); v && !decode_hello_answer(encode(*v)))
        std::abort();
      break;
    case 3:
      if (const auto v = take_message(input, taken); v && *v) {
        const auto again = encode(**v);
        const auto back = take_message(again, taken);
        if (!back || !*back || **back != **v) std::abort();
      }
      break;
    case 4: (void)decode_invitation(culvert::as_text(input)); break;
  }
  return 0;
}
