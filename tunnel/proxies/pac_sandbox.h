// tunnel/proxies/pac_sandbox.h: shuts a process in: no file, no socket, no process, no more than a
// second of CPU and 64 MB of memory from here on. What is open already stays usable.
#pragma once
#include "tunnel/base/result.h"

namespace culvert::proxies {

// First, while files are still needed: who was started by root becomes nobody, where that is
// possible, and closes every descriptor but 0, 1 and 2.
void drop_privileges();
// kIo: the kernel refuses; then nothing foreign may be run.
Result<void> shut_sandbox();

}  // namespace culvert::proxies
