// shim/settings.h: what `culvert run` said in the environment (shim/wire.h lists the variables).
// Read once, in the constructor, constant afterwards: getenv() in a hook would race with the
// program's setenv().
#pragma once
#include <stdint.h>
#include <string.h>

namespace culvert::shim {

// "NAME=value" as it stands in an environment, kept for programs that clear theirs before exec.
struct Variable {
  const char* prefix;  // "NAME="
  char text[4096];     // empty if it was not set; CULVERT_FORWARD is the longest
  const char* value() const { return text[0] == '\0' ? "" : text + strlen(prefix); }
};

struct Settings {
  bool active;  // false: everything passes through
  Variable agent, pool, low_ports, domains, forward, own, dns, run, publish;
  char preload[4096];                // how LD_PRELOAD names this library
  uint32_t pool_address, pool_mask;  // host order
  bool low_ports_mapped;
  bool raw_calls_are_own;    // what the program does by syscall() is not for us
  bool tells_kernels_ports;  // the agent wants to hear of ports that the kernel has chosen
  uint32_t agent_owner;      // uid of the agent's socket file; (uid_t)-1: not seen at the start
  bool started_as_root;      // and may have become another user since
  uint32_t own_address;      // of this machine in the pool, host order; 0: unknown
  uint32_t dns_address;      // of the agent's name server, host order
  uint16_t dns_port;         // host order; 0: there is none

  bool in_pool(uint32_t address) const { return (address & pool_mask) == pool_address; }
  // Whether `name` ends in one of CULVERT_DOMAINS, any case, with or without a final dot.
  bool is_virtual_name(const char* name) const;
};

extern Settings settings;  // NOLINT(bugprone-dynamic-static-initializers): it is constinit

void read_settings();

}  // namespace culvert::shim
