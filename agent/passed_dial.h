// agent/passed_dial.h: makes the connection that a program with a listener of IPv6 alone is handed
// when it accepts (agent/accept_desk.h): from the caller's virtual address, which the kernel then
// shows as ::ffff:a.b.c.d, as it does to a listener of both families.
#pragma once
#include <optional>

#include "agent/accept_desk.h"
#include "tunnel/loop/fd_watch.h"
#include "tunnel/loop/tcp_dial.h"

namespace culvert::agent {

// Where to knock for a listener bound to `bound`.
SocketAddress knocked_at(const SocketAddress& bound);

class PassedDial final : private loop::TcpDial::Listener,
                         private loop::FdWatch::Listener,
                         private AcceptDesk::Caller {
 public:
  class Listener {
   public:
    // As InboundDial::Listener.
    virtual void on_passed_dialled(UniqueFd fd, int error) = 0;

   protected:
    ~Listener() = default;
  };

  // `own`: the address that getsockname() is to show, with the listener's port if that is free
  // there.
  PassedDial(loop::Loop& loop, const SocketAddress& caller, const IpAddress& own,
             const SocketAddress& bound, AcceptDesk& desk, Listener& listener);
  ~PassedDial();

 private:
  void on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) override;
  void on_fd_ready(loop::FdWatch&, bool, bool) override { accept(); }
  void on_let_in(int error) override;
  void accept();

  loop::Loop& loop_;
  SocketAddress bound_;
  AcceptDesk& desk_;
  Listener& listener_;
  UniqueFd listening_, ours_;
  std::optional<loop::TcpDial> dial_;
  std::optional<loop::FdWatch> watch_;
};

}  // namespace culvert::agent
