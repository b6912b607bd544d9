// shim/agent_names.h: the agent's answers about names and addresses, and what libc is to make of
// them. Who may be asked about what, others say (shim/name_question.h).
#pragma once
#include <nss.h>

#include "shim/nss_buffer.h"
#include "shim/wire.h"

namespace culvert::shim {

struct NameAnswer {
  nss_status status;  // start.cc says which of them end the search
  int error;          // errno that goes with it
  int host_error;     // h_errno that goes with it
  char name[CULVERT_NAME_MAX + 2];
  HostAddress address;
};

NameAnswer not_ours();
NameAnswer try_again();  // ours, but the agent cannot say now

// False: empty, too long, an address, or this machine's (localhost).
bool can_be_asked(const char* name);
// What was answered a moment ago. False: nothing.
bool find_recent_answer(const char* name, int family, NameAnswer& answer);
// `family`: AF_UNSPEC, AF_INET or AF_INET6. `without`: the answer where there is no agent.
NameAnswer ask_agent_for_name(const char* name, int family, int patience_ms,
                              const NameAnswer& without);

// False: neither IPv4 nor v4-mapped. In host order.
bool v4_of(const HostAddress& address, uint32_t& ip);
NameAnswer ask_agent_for_address(const HostAddress& address, uint32_t ip, int patience_ms);

}  // namespace culvert::shim
