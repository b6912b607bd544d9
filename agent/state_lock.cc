#include "agent/state_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>

#include "tunnel/base/file_lock.h"

namespace culvert::agent {
namespace {

Result<void> lock(UniqueFd& file, const std::string& path, int how) {
  auto locked = try_lock(file, path, how);
  if (locked || locked.error().code != ErrorCode::kTryAgain) return locked;
  return fail(ErrorCode::kTryAgain,
              "another agent runs as this endpoint already (it has locked " + path +
                  "); use that one: culvert run --agent SOCKET, or $CULVERT_AGENT");
}

}  // namespace

Result<void> StateLock::become_host(const std::string& socket) {
  CULVERT_RETURN_IF_ERROR(lock(host_, directory_ + "/lock", LOCK_EX));
  if (::ftruncate(host_.get(), 0) == 0 &&
      ::pwrite(host_.get(), socket.data(), socket.size(), 0) == static_cast<ssize_t>(socket.size()))
    return {};
  return fail(ErrorCode::kIo, directory_ + "/lock: cannot be written: " + std::strerror(errno));
}

Result<std::string> StateLock::become_guest() {
  CULVERT_RETURN_IF_ERROR(lock(guests_, directory_ + "/guests", LOCK_SH));
  const UniqueFd file{::open((directory_ + "/lock").c_str(), O_RDONLY | O_CLOEXEC)};
  char path[512];
  const auto size = file ? ::read(file.get(), path, sizeof path) : -1;
  if (size > 0) return std::string(path, static_cast<std::size_t>(size));
  guests_.reset();
  return fail(ErrorCode::kTryAgain, "the agent that runs has not said where yet");
}

bool StateLock::refuse_guests() {
  return lock(guests_, directory_ + "/guests", LOCK_EX).has_value();
}

}  // namespace culvert::agent
