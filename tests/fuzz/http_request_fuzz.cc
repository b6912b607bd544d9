#include <cstdlib>

#include "service/first_bytes.h"
#include "service/http_request.h"
#include "service/web_page.h"

// Whatever is sent, a verdict once given stays when more octets come, unless it was "go on".
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace culvert;
  const auto input = std::as_bytes(std::span{data, size});
  (void)service::recognise(input);
  const auto whole = service::parse_http_request(input);
  if (!whole) {
    if (size > service::kMaxHttpHead) std::abort();  // must have been refused
    return 0;
  }
  if (service::web_answer(*whole).rfind("HTTP/1.1 ", 0) != 0) std::abort();
  if (whole->status == 200 && (whole->target.empty() || whole->target.front() != '/')) std::abort();
  return 0;
}
