// agent/asker.h: who is at the other end of the control socket, as the kernel says (SO_PEERCRED).
#pragma once
#include <sys/types.h>

namespace culvert::agent {

struct Asker {
  pid_t pid = 0;  // of the process that connected; only for messages: pids are reused
  uid_t uid = 0;
  bool system_wide =
      false;  // root has chosen it (agent/system_wide.h): no other permission is asked
};

}  // namespace culvert::agent
