// tunnel/session/read_buffer.h: one buffer for all sessions of the thread: an idle session holds
// none (measured knee: 256 KiB). What the peer sends at once (session.cc) has to fit, behind the
// rest of the last time: the few octets that did not cost a read, and a write to the destination,
// of their own.
#pragma once
#include <array>

#include "tunnel/session/record.h"

namespace culvert::session {

inline MutableBytes read_buffer() {
  static thread_local std::array<std::byte, 256 * 1024 + kMaxRecord> buffer;
  return buffer;
}

}  // namespace culvert::session
