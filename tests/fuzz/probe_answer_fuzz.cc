#include <cstdlib>
#include <span>

#include "tunnel/proxies/probe_answer.h"

// Anything may listen on an unknown port. A verdict that was given stays.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace culvert::proxies;
  const auto heard = std::as_bytes(std::span{data, size});
  const auto whole = judge_probe(heard, true);
  if (whole == Spoken::kUndecided) std::abort();
  const auto early = judge_probe(heard, false);
  if (early != Spoken::kUndecided && early != whole) std::abort();
  if (find_portal(heard, "service.example.net").size() > 512) std::abort();
  return 0;
}
