// tunnel/base/file_lock.h: a lock on a file, of the kernel's (flock(2)): it ends with its holder,
// however that ends. Knows nothing of who may hold it and why.
#pragma once
#include <string>

#include "tunnel/base/result.h"
#include "tunnel/base/unique_fd.h"

namespace culvert {

// At once, or not. `how`: LOCK_EX or LOCK_SH. Opens `path`, and makes it, unless `file` is open;
// closes `file` on failure. kTryAgain: somebody else holds it. kIo: with the reason.
Result<void> try_lock(UniqueFd& file, const std::string& path, int how);

}  // namespace culvert
