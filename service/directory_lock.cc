#include "service/directory_lock.h"

#include <sys/file.h>

#include <chrono>
#include <thread>

#include "tunnel/base/file_lock.h"

namespace culvert::service {
namespace {

constexpr int kTries = 50;
constexpr std::chrono::milliseconds kPause{100};

}  // namespace

Result<UniqueFd> lock_directory(const std::string& state_directory) {
  const auto path = state_directory + "/lock";
  UniqueFd file;
  for (int i = 0; i < kTries; ++i) {
    const auto locked = try_lock(file, path, LOCK_EX);
    if (locked) return file;
    if (locked.error().code != ErrorCode::kTryAgain) return fail(locked.error());
    std::this_thread::sleep_for(kPause);
  }
  return fail(ErrorCode::kTryAgain, "another culvert-service runs with " + state_directory +
                                        " (it has locked " + path +
                                        "): stop it, or name another state_directory");
}

}  // namespace culvert::service
