// agent/asker.h: who is at the other end of the control socket, as the kernel says (SO_PEERCRED).
#pragma once
#include <sys/types.h>

#include <cstdint>

namespace culvert::agent {

struct Asker {
  pid_t pid = 0;  // of the process that connected; only for messages: pids are reused
  uid_t uid = 0;
  bool system_wide =
      false;  // root has chosen it (agent/system_wide.h): no other permission is asked
  std::uint64_t shown = 0;  // cookie of a socket that it has shown to hold (shim/wire.h); 0: none
  // Whether it may speak for a socket of this owner.
  bool may_speak_for(std::uint64_t cookie, uid_t owner) const {
    return owner == uid || uid == 0 || (cookie != 0 && cookie == shown);
  }
};

}  // namespace culvert::agent
