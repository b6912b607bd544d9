// agent/destroy_watch.h: tells the cookies of TCP or UDP sockets that ceased to exist, whoever
// closed them (11 to 24 us after the close [measured]; no privilege needed). A socket of which
// anybody holds a duplicate has not ceased to exist. Subscribed only while somebody wants to know:
// for a subscriber the kernel writes a message about every such socket of the machine that dies. It
// hands over those that were connected to `peers`; of a listening one, the peer is 0.0.0.0.
#pragma once
#include <cstdint>
#include <optional>

#include "agent/protocol.h"
#include "tunnel/base/address.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/fd_watch.h"

namespace culvert::agent {

class DestroyWatch final : private loop::FdWatch::Listener {
 public:
  class Listener {
   public:
    virtual void on_socket_destroyed(std::uint64_t cookie) = 0;  // must not destroy the watch
    virtual void on_events_lost() = 0;                           // look for yourself

   protected:
    ~Listener() = default;
  };

  DestroyWatch(loop::Loop& loop, const IpPrefix& peers, Listener& listener,
               Protocol protocol = Protocol::kTcp);
  void want(bool wanted);  // false at first
  bool wanted() const { return wanted_; }

 private:
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;

  loop::Loop& loop_;
  Listener& listener_;
  IpPrefix peers_;
  Protocol protocol_;
  bool wanted_ = false;
  UniqueFd fd_;
  std::optional<loop::FdWatch> watch_;
};

}  // namespace culvert::agent
