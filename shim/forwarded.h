// shim/forwarded.h: which ordinary addresses the agent may want to carry through the service
// (CULVERT_FORWARD of shim/wire.h). The agent decides at each connect; this only says whom to ask
// about, so that all other connects cost nothing. Read once, by the constructor.
#pragma once
#include <stdint.h>

namespace culvert::shim {

// Entries that cannot be read, and those beyond the 80th, are left out: nobody is asked then.
void read_forwarded(const char* prefixes);

bool any_forwarded();
// Octets in network order. Never true of loopback, link-local and multicast addresses.
bool is_forwarded_v4(uint32_t host_order);
bool is_forwarded_v6(const uint8_t (&octets)[16]);

}  // namespace culvert::shim
