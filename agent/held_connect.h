// agent/held_connect.h: a program's connect() to a virtual address, waiting in SYN_SENT for the
// core's decision. Exists from the moment the shim announces the connect, while the program is
// still on its way into the kernel, which chooses its port; complete() and fail() may be called at
// any time and are carried out as soon as the program's socket is really connecting.
#pragma once
#include <cstdint>

#include "agent/asker.h"
#include "tunnel/base/address.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

class PendingConnect;

class HeldConnect {
 public:
  class Listener {
   public:
    // After complete(): our end of the program's connection, non-blocking, tuned as a local leg.
    virtual void on_connect_completed(HeldConnect& held, UniqueFd ours) = 0;
    // The program gave up (closed the socket, died) or could not be joined (logged).
    virtual void on_connect_abandoned(HeldConnect& held) = 0;
    // Besides, and before: the program's socket is connecting, from this port.
    virtual void on_connecting_from(HeldConnect&, std::uint16_t /*port*/) {}

   protected:
    ~Listener() = default;
  };

  explicit HeldConnect(PendingConnect& pending);
  HeldConnect(const HeldConnect&) = delete;
  HeldConnect& operator=(const HeldConnect&) = delete;
  ~HeldConnect();  // undecided: fails with kNetworkUnreachable

  // One of the listener's members is called once, never from inside complete() or set_listener(),
  // and may destroy this. Without a listener nothing is told.
  void set_listener(Listener& listener) { listener_ = &listener; }

  const SocketAddress& to() const { return to_; }  // the virtual address, with the port meant
  const Asker& asker() const { return asker_; }
  std::uint64_t cookie() const { return cookie_; }  // SO_COOKIE of the program's socket
  std::uint16_t port() const { return port_; }      // from which it connects; 0: not yet known

  void complete();
  // The program is shown to_errno(code). Nothing is told to the listener; drop this afterwards.
  // Before ShimGate::Handler::on_connect() returns, connect() itself returns the error.
  void fail(ErrorCode code);

 private:
  friend class PendingConnect;
  PendingConnect* pending_;  // null once decided and carried out, or abandoned
  Listener* listener_ = nullptr;
  SocketAddress to_;
  Asker asker_;
  std::uint64_t cookie_;
  std::uint16_t port_;
};

}  // namespace culvert::agent
