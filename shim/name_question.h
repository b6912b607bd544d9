// shim/name_question.h: what libc is told about names and addresses. Names that can only be local,
// and everything while no agent is set, are not asked. In programs that are carried
// (name_question.cc) the agent judges all others; in the machine's module (system_names.cc) it
// hears of virtual ones alone.
#pragma once
#include "shim/agent_names.h"

namespace culvert::shim {

NameAnswer ask_for_name(const char* name, int family);  // AF_UNSPEC, AF_INET or AF_INET6
NameAnswer ask_for_address(const HostAddress& address);

}  // namespace culvert::shim
