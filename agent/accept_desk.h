// agent/accept_desk.h: connections for listeners that take IPv6 alone. There is no virtual IPv6
// address to call them from, and whoever comes from ::1 is taken for a user of this machine. So the
// connection that the caller has is between ends of ours, with the addresses that it is to show,
// and the desk knocks at the listener: a connection that says nothing. When the program accepts the
// knock, its shim asks what it stands for (CULVERT_ASK_ACCEPTED) and gets the program's end.
//
// Who accepts and does not ask is left with a connection from ::1 that carries nothing.
#pragma once
#include <list>
#include <memory>

#include "agent/asker.h"
#include "agent/inet_diag.h"
#include "tunnel/loop/loop.h"

namespace culvert::agent {

class AcceptDesk {
 public:
  static constexpr std::size_t kMost = 1024;               // that nobody has accepted yet
  static constexpr std::chrono::seconds kLetInWithin{10};  // a full accept queue answers no SYN

  class Caller {
   public:
    // 0: it waits to be accepted, or is; else the errno of the knock. Once, never from inside
    // knock().
    virtual void on_let_in(int error) = 0;

   protected:
    ~Caller() = default;
  };

  explicit AcceptDesk(loop::Loop& loop);
  ~AcceptDesk();

  // `program`: the end that is to be handed over, which is reset if nobody accepts it.
  void knock(const SocketAddress& listener, UniqueFd program, Caller& caller);
  void withdraw(const Caller& caller);  // who is not told any more; nothing happens if it was
  // What the connection from `peer` stands for, for who has accepted it. None: it is no knock, or
  // the socket is not the asker's.
  UniqueFd take(const SocketAddress& peer, std::uint64_t cookie, const Asker& asker);
  std::size_t size() const { return knocks_.size(); }

 private:
  class Knock;
  using Knocks = std::list<std::unique_ptr<Knock>>;

  loop::Loop& loop_;
  InetDiag diag_;
  Knocks knocks_;
};

}  // namespace culvert::agent
