// service/directory_lock.h: one service uses a state directory at a time. Two would each know half
// of the endpoints, and accept each other's old hellos. The commands (invite ...) need no lock.
#pragma once
#include <string>

#include "tunnel/base/result.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::service {

// Held until it is closed, whatever ends the process. Waits for up to five seconds for one that is
// just ending. kTryAgain: another service runs.
Result<UniqueFd> lock_directory(const std::string& state_directory);

}  // namespace culvert::service
