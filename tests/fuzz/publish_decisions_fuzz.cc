// The file of remembered answers, which people correct by hand.
#include "agent/publish_decisions.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  culvert::agent::PublishDecisions decisions, again;
  if (!decisions.load({reinterpret_cast<const char*>(data), size})) return 0;
  if (!again.load(decisions.snapshot()) || again.snapshot() != decisions.snapshot())
    __builtin_trap();
  return 0;
}
