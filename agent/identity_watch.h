// agent/identity_watch.h: tells when the identity in the state directory has become that of another
// key or name (agent/identity.h): `culvert enroll` was run beside the agent, or a backup came back.
// A new certificate for the same key is none of its business.
#pragma once
#include <optional>

#include "agent/identity.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/fd_watch.h"

namespace culvert::agent {

class IdentityWatch final : private loop::FdWatch::Listener {
 public:
  class Listener {
   public:
    virtual void on_other_identity() = 0;

   protected:
    ~Listener() = default;
  };

  // Where inotify(7) cannot be used (too many watches), it tells nothing, and logs why.
  IdentityWatch(loop::Loop& loop, const std::string& state_directory, const Identity& now,
                Listener& listener);

 private:
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  bool heard_of_it();

  std::string directory_, name_;
  crypto::PublicKey key_;
  Listener& listener_;
  UniqueFd events_;
  std::optional<loop::FdWatch> watch_;
};

}  // namespace culvert::agent
