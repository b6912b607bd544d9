// agent/state_lock.h: one agent at a time speaks for an endpoint: two would take each other's
// session away. The host is the agent that runs; agents started for a `culvert run` meanwhile are
// its guests: they lend their programs the host's socket, and the host stays until they are gone.
//
// STATE_DIRECTORY/lock: locked by the host, holds the path of its socket.
// STATE_DIRECTORY/guests: locked in common by guests, alone by a host that is about to end.
// Locks are the kernel's (flock): they end with their holder, however that ends.
#pragma once
#include <string>

#include "tunnel/base/result.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

class StateLock {
 public:
  explicit StateLock(std::string state_directory) : directory_(std::move(state_directory)) {}

  Result<void> become_host(const std::string& socket);  // kTryAgain: there is a host
  Result<std::string> become_guest();  // the host's socket. kTryAgain: the host is about to end
  bool refuse_guests();                // host: true if there is none, and none will come

 private:
  std::string directory_;
  UniqueFd host_, guests_;
};

}  // namespace culvert::agent
