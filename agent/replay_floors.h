// agent/replay_floors.h: the endpoint's memory of handshakes it has answered, kept in a file, so
// that a recorded first message does not work again after a restart either.
#pragma once
#include <string>

#include "tunnel/crypto/replay_guard.h"

namespace culvert::agent {

std::string encode(const std::vector<crypto::ReplayGuard::Floor>& floors);  // lines "key time"
Result<std::vector<crypto::ReplayGuard::Floor>> decode_floors(std::string_view text);

class ReplayFloors {
 public:
  explicit ReplayFloors(std::string path) : path_(std::move(path)) {}
  Result<void> load();  // no file: nothing was ever answered

  // Saved before this returns: the handshake may be answered then. Refuses with kAuthentication,
  // or kIo if it could not be saved: rather no session than one that can be replayed. Not
  // `must_be_kept`: one that does no harm when a later process is shown it again.
  Result<void> accept(const crypto::PublicKey& caller, std::uint64_t unix_nanoseconds,
                      bool must_be_kept = true);

 private:
  std::string path_;
  crypto::ReplayGuard guard_;
};

}  // namespace culvert::agent
