// What processes may send to the control socket, and what `culvert run` executes.
#include <cstdlib>

#include "agent/elf_facts.h"
#include "agent/netlink_message.h"
#include "agent/shim_question.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace culvert;
  const Bytes bytes = std::as_bytes(std::span{data, size});
  if (const auto question = agent::parse_question(bytes)) {
    if (question->name.size() > CULVERT_NAME_MAX + 1) std::abort();
    if (question->name.find('\0') != std::string::npos) std::abort();
  }
  (void)agent::read_elf(bytes);
  auto left = bytes;
  while (agent::take_netlink_message(left)) {
  }
  return 0;
}
