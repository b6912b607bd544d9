// State of the agent that somebody has altered: what is read is written down again alike.
#include <cstdlib>

#include "agent/snapshot.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  const auto snapshot = culvert::agent::decode_agent_snapshot(bytes);
  if (!snapshot) return 0;
  const auto again = culvert::agent::encode(*snapshot);
  if (!culvert::agent::decode_agent_snapshot(again)) std::abort();
  return 0;
}
