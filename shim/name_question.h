// shim/name_question.h: asks the agent about names and addresses, and says what libc is to make of
// the answer. Names that can only be local, and everything while no agent is set, are not asked.
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

NameAnswer ask_for_name(const char* name, int family);  // AF_UNSPEC, AF_INET or AF_INET6
NameAnswer ask_for_address(const HostAddress& address);

}  // namespace culvert::shim
