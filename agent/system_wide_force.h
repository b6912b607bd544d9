// agent/system_wide_force.h: makes a setting of system-wide mode (agent/system_wide.h) take effect
// in the kernel: the table of rules, and where ordinary addresses are forwarded, a policy route.
// Acts on the network namespace of the caller; needs CAP_NET_ADMIN.
#pragma once
#include "agent/system_wide.h"

namespace culvert::agent {

// Replaces what was in force, in one step. Connections that exist are not touched.
Result<void> put_in_force(const SystemWide& setting);
// Everything, whoever made it. Nothing there is no error.
Result<void> withdraw();
// Whether the table is there. kNotPermitted: only root may ask.
Result<bool> in_force();

// The control group that `name` means: "backup.slice", "cron.service", or a path in the tree.
// kNameUnknown: there is none now.
Result<std::string> find_slice(const std::string& name);

}  // namespace culvert::agent
