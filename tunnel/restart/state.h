// tunnel/restart/state.h: the head of the state that a process leaves to its successor.
//
//   u32 "CVRS" | u16 version | u8 daemon | u8 0 | what the daemon writes
//
// Another version is not read: after an upgrade that changes what is written, the first restart
// costs the connections. Change kVersion with every change of any snapshot's bytes.
#pragma once
#include "tunnel/base/byte_codec.h"
#include "tunnel/base/result.h"

namespace culvert::restart {

inline constexpr std::uint16_t kVersion = 5;
enum class Daemon : std::uint8_t { kService = 1, kAgent = 2 };

void begin_state(Writer& out, Daemon daemon);
Result<void> check_head(Reader& in, Daemon daemon);

// Lists whose counts are not believed: each entry must be there before the next one gets memory.
template <class List, class Take>
void take_list(Reader& in, List& into, Take take) {
  for (auto left = in.u32(); left != 0 && in.ok(); --left) into.push_back(take());
}
template <class List, class Put>
void put_list(Writer& out, const List& list, Put put) {
  out.u32(static_cast<std::uint32_t>(list.size()));
  for (const auto& one : list) put(one);
}

}  // namespace culvert::restart
