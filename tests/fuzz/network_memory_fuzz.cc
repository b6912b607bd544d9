#include <cstdlib>

#include "agent/network_memory.h"
#include "agent/way_plan.h"

// The file may have been edited by anybody: what is read of it is read again the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace culvert::agent;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto once = NetworkMemory::from_text(text).to_text();
  if (NetworkMemory::from_text(once).to_text() != once) std::abort();
  const auto way = way_from_key(text, {{"service.example.net", 443}, "auto", 0, {}});
  if (way && way->recipe == nullptr) std::abort();
  return 0;
}
