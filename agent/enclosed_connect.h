// agent/enclosed_connect.h: one connect() of an enclosed program, from its SYN until both halves
// are connected or the program was told why not.
#pragma once
#include <optional>

#include "agent/inet_diag.h"
#include "agent/inside_thread.h"
#include "agent/outward_dial.h"
#include "agent/refusal.h"
#include "agent/syn_watch.h"

namespace culvert::agent {

// What all connects share: the thread inside, and what was made there.
struct EnclosedSide {
  InsideThread thread;
  IpAddress own_address;  // what programs there call others from
  IpAddress own_virtual;  // ... and virtual addresses
  std::optional<InetDiag> diag;
  std::optional<Refusal> refusal;
};

// A socket inside that is bound to `from`, which need not be anybody's address there, and on its
// way to `to`; non-blocking. In the thread inside alone.
UniqueFd open_inside(const SocketAddress& to, const SocketAddress& from);

class EnclosedConnect final : private OutwardDial::Listener, private loop::FdWatch::Listener {
 public:
  using Key = std::pair<SocketAddress, SocketAddress>;  // program, where it wants to

  class Listener {
   public:
    // One of them, once: drop it. Never from inside the constructor.
    virtual void on_enclosed_connected(EnclosedConnect& connect, UniqueFd program,
                                       UniqueFd far) = 0;
    virtual void on_enclosed_connect_ended(EnclosedConnect& connect) = 0;

   protected:
    ~Listener() = default;
  };

  // `socket`: the program's, as waiting_socket() found it.
  EnclosedConnect(loop::Loop& loop, const AgentFacts& agent, EnclosedSide& inside,
                  const SeenSyn& syn, std::uint64_t cookie, Listener& listener);

  Key key() const { return {syn_.program, syn_.to}; }
  std::uint64_t cookie() const { return cookie_; }
  // Whether the rules let this SYN pass to a listener inside, be that one's backlog full or not:
  // then whoever sent it waits for that one.
  static bool is_answered_inside(EnclosedSide& inside, const IpPrefix& pool, const SeenSyn& syn);
  // The cookie of the socket that sent this SYN, if it still waits for an answer.
  static std::optional<std::uint64_t> waiting_socket(EnclosedSide& inside, const SeenSyn& syn);

 private:
  void on_dialled_out(OutwardDial& dial, UniqueFd fd, int error) override;
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  bool still_waits() { return waiting_socket(inside_, syn_) == cookie_; }
  void join();
  void refuse(int error);

  loop::Loop& loop_;
  EnclosedSide& inside_;
  SeenSyn syn_;
  std::uint64_t cookie_;
  Listener& listener_;
  UniqueFd ours_, far_;
  std::optional<loop::FdWatch> watch_;  // of ours_
  OutwardDial dial_;
};

}  // namespace culvert::agent
