#include "tunnel/base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>

namespace culvert {

Result<void> try_lock(UniqueFd& file, const std::string& path, int how) {
  if (!file) file.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file && ::flock(file.get(), how | LOCK_NB) == 0) return {};
  const int error = errno;
  file.reset();
  if (error == EWOULDBLOCK) return fail(ErrorCode::kTryAgain, path + " is locked");
  return fail(ErrorCode::kIo, path + ": cannot be locked: " + std::strerror(error));
}

}  // namespace culvert
