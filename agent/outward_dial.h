// agent/outward_dial.h: the far half of an enclosed program's connect: the same connect, from the
// machine's own network. To virtual addresses, and to those which the agent wants to be asked
// about, as the shim does it (shim/wire.h): ask, connect, tell. The agent answers at once, so it is
// waited for; the connect itself is not.
#pragma once
#include <optional>

#include "agent/agent_client.h"
#include "tunnel/loop/fd_watch.h"

namespace culvert::agent {

class OutwardDial final : private loop::FdWatch::Listener, private loop::Deferred {
 public:
  class Listener {
   public:
    // `error` is 0 and `fd` connected and non-blocking, or the errno of a native connect(). Once,
    // never from inside the constructor; may destroy the dial.
    virtual void on_dialled_out(OutwardDial& dial, UniqueFd fd, int error) = 0;

   protected:
    ~Listener() = default;
  };

  // No deadline but the kernel's own, as natively.
  OutwardDial(loop::Loop& loop, const AgentFacts& agent, const SocketAddress& to,
              Listener& listener);
  bool to_agent() const { return held_; }  // the far end is on this machine

 private:
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void run_deferred() override;
  int start(const SocketAddress& to);
  int start_held(const SocketAddress& to);
  int start_plain(const SocketAddress& to);

  const AgentFacts& agent_;
  Listener& listener_;
  UniqueFd fd_;
  std::uint64_t cookie_ = 0;
  bool held_ = false;
  int error_ = 0;
  std::optional<loop::FdWatch> watch_;
};

// Where a program of an enclosure that names port 53 of the agent's name server is led.
SocketAddress outward_target(const AgentFacts& agent, const SocketAddress& to);

// The same for datagrams from `socket`, which the agent has to hear of first. Nothing: nowhere.
std::optional<SocketAddress> outward_datagrams(const AgentFacts& agent, const UniqueFd& socket,
                                               const SocketAddress& to);

}  // namespace culvert::agent
