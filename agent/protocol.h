// agent/protocol.h: which kind of port.
#pragma once
#include <cstdint>

namespace culvert::agent {

enum class Protocol : std::uint8_t { kTcp, kUdp };

}  // namespace culvert::agent
