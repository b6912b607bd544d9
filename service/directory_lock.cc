#include "service/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace culvert::service {
namespace {

constexpr int kTries = 50;
constexpr std::chrono::milliseconds kPause{100};

}  // namespace

Result<UniqueFd> lock_directory(const std::string& state_directory) {
  const auto path = state_directory + "/lock";
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  for (int i = 0; file && i < kTries; ++i) {
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
    if (errno != EWOULDBLOCK) break;
    std::this_thread::sleep_for(kPause);
  }
  const int error = errno;
  if (file && error == EWOULDBLOCK)
    return fail(ErrorCode::kTryAgain, "another culvert-service runs with " + state_directory +
                                          " (it has locked " + path +
                                          "): stop it, or name another state_directory");
  return fail(ErrorCode::kIo, path + ": cannot be locked: " + std::strerror(error));
}

}  // namespace culvert::service
