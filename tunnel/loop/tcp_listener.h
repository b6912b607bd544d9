// tunnel/loop/tcp_listener.h: a listening TCP socket.
#pragma once
#include <optional>

#include "tunnel/base/address.h"
#include "tunnel/base/seldom.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/fd_watch.h"
#include "tunnel/loop/timer.h"

namespace culvert::loop {

class TcpListener final : private FdWatch::Listener, private Timer::Listener {
 public:
  class Listener {
   public:
    virtual void on_accepted(UniqueFd fd, const SocketAddress& peer) = 0;

   protected:
    ~Listener() = default;
  };

  TcpListener(Loop& loop, Listener& listener);
  Result<void> listen(const SocketAddress& at);  // port 0: the kernel chooses
  void adopt(UniqueFd listening);                // of an earlier process
  // Listening: TCP Fast Open (RFC 7413), where the system permits it (net.ipv4.tcp_fastopen, bit
  // 2): connections are accepted with octets that came in the SYN, which may come twice.
  void take_octets_of_syns();
  const SocketAddress& address() const { return address_; }
  int fd() const { return fd_.get(); }

 private:
  void on_fd_ready(FdWatch& watch, bool readable, bool writable) override;
  void on_timer(Timer& timer) override;

  Loop& loop_;
  Listener& listener_;
  UniqueFd fd_;
  std::optional<FdWatch> watch_;
  Seldom complaint_;  // that descriptors ran out
  Timer retry_;       // after descriptors ran out: a readable listener would otherwise spin
  SocketAddress address_;
};

}  // namespace culvert::loop
