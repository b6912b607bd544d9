// agent/inbound_dial.h: connects to a program's listener in the name of a remote caller: FROM the
// caller's virtual address, so that accept() and getpeername() show who called. Never from
// 127.0.0.1 or ::1, which programs take for the administrator at the console; hence a listener
// that only IPv6 reaches (there is no IPv6 loopback prefix) is handed the connection if its shim
// asks for it (agent/passed_dial.h), and cannot be called otherwise: ECONNREFUSED.
#pragma once
#include <optional>

#include "agent/passed_dial.h"
#include "agent/stand_in.h"
#include "tunnel/loop/fd_watch.h"
#include "tunnel/loop/tcp_dial.h"

namespace culvert::agent {

// Where to dial for a listener bound to `bound`; nothing if it cannot be called. One that takes
// every address is dialled at `own`, this machine's virtual address: so its getsockname() is what
// the caller has connected to, and its reverse name is this machine's.
std::optional<SocketAddress> inbound_target(const SocketAddress& bound, const IpAddress& own);

struct InboundTarget {
  SocketAddress bound;
  std::optional<StandIn> stand_in = {};  // is dialled instead; of UDP, sent to, without a call
  // The one socket that is meant, where the next one with this port may be anybody's; 0: whichever
  // is there.
  std::uint64_t cookie = 0;
  bool passed = false;  // takes IPv6 alone, and its shim asks
  bool operator==(const InboundTarget&) const = default;
};

class InboundDial final : private loop::TcpDial::Listener,
                          private PassedDial::Listener,
                          private loop::FdWatch::Listener,
                          private loop::Timer::Listener {
 public:
  class Listener {
   public:
    // `error` is 0 and `fd` connected, non-blocking and tuned as a local leg; or the true errno.
    // Called once, never from inside the constructor; may destroy the dial.
    virtual void on_inbound_dialled(InboundDial& dial, UniqueFd fd, int error) = 0;

   protected:
    ~Listener() = default;
  };

  static constexpr std::chrono::seconds kLimit{10};  // a full accept queue answers no SYN

  // `caller` and `own` virtual, in 127/8. The caller's port is shown to the program if it is free
  // here; 0: any.
  InboundDial(loop::Loop& loop, const SocketAddress& caller, const IpAddress& own,
              const InboundTarget& to, AcceptDesk& desk, Listener& listener);

 private:
  void on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) override;
  void on_passed_dialled(UniqueFd fd, int error) override;
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void on_timer(loop::Timer& timer) override;
  bool call();
  void end(int error);

  loop::Loop& loop_;
  Listener& listener_;
  std::optional<loop::TcpDial> dial_;
  std::optional<PassedDial> passed_;
  std::optional<StandIn> stand_in_;
  IpAddress own_;
  UniqueFd called_;                     // waits for the stand-in's answer
  std::optional<loop::FdWatch> watch_;  // of that
  int refusal_;                         // when the timer runs out
  loop::Timer timer_;
};

}  // namespace culvert::agent
