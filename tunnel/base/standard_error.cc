#include "tunnel/base/standard_error.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>

#include "tunnel/base/unique_fd.h"

namespace culvert {
namespace {

// The same pipe by a description of our own, which may be O_NONBLOCK. Not there for a pipe that
// another user made.
class OwnEnd {
 public:
  int of(const struct stat& pipe) {
    if (pipe.st_dev == device_ && pipe.st_ino == inode_) return fd_.get();
    device_ = pipe.st_dev;
    inode_ = pipe.st_ino;
    fd_ = UniqueFd(::open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    return fd_.get();
  }

 private:
  dev_t device_ = 0;
  ino_t inode_ = 0;
  UniqueFd fd_;
};

// A pipe and a terminal that say that they have room take one line. (A pipe with several writers
// may be full again by then: hence OwnEnd.)
bool has_room(int fd) {
  pollfd state{fd, POLLOUT, 0};
  return ::poll(&state, 1, 0) == 1 && (state.revents & POLLOUT) != 0;
}

}  // namespace

bool write_to_standard_error(std::string_view line) {
  assert(line.size() <= kMostAtOnce);
  const int fd = STDERR_FILENO;
  const auto whole = [&](ssize_t count) { return count == static_cast<ssize_t>(line.size()); };
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) return false;
  if (S_ISSOCK(facts.st_mode))
    return whole(::send(fd, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  if (S_ISFIFO(facts.st_mode)) {
    static thread_local OwnEnd own;
    if (const int end = own.of(facts); end >= 0)
      return whole(::write(end, line.data(), line.size()));
  }
  return has_room(fd) && whole(::write(fd, line.data(), line.size()));
}

}  // namespace culvert
