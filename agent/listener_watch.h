// agent/listener_watch.h: the listening sockets of programs, from listen() (UDP: bind()) until
// nobody holds them any more: by close(), by exit, by any process that inherited them. The agent
// never holds a duplicate itself, which would keep the port open.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/asker.h"
#include "agent/destroy_watch.h"
#include "agent/inet_diag.h"
#include "agent/stand_in.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

struct ProgramListener {
  std::uint64_t cookie = 0;  // identifies it: two sockets may share an address (SO_REUSEPORT)
  SocketAddress local;       // as bound; 0.0.0.0 or :: if any
  Asker asker;               // the process that called listen() or bind()
  Protocol protocol = Protocol::kTcp;
  bool v6_only = false;                  // takes no IPv4; told of TCP alone
  std::optional<StandIn> stand_in = {};  // to be dialled instead; then the cookie is its
  bool kernel_chose = false;             // the port: it is known to whom the program tells it
  bool asks_accepted = false;            // its shim does: agent/accept_desk.h
  std::string program = {};              // as it was told
};

struct WatchedListener {  // what a shim or a porter tells of one
  std::uint64_t cookie = 0;
  Asker asker;
  std::string token = {};    // of a stand-in (agent/stand_in.h); otherwise empty
  SocketAddress local = {};  // what that stands in for, IPv4
  SocketAddress said = {};   // where it is, it is said: the kernel knows better, and is asked there
  bool kernel_chose = false;
  bool asks_accepted = false;
  std::string program = {};  // program_of() the asker, who may be gone later; empty: not wanted
};

WatchedListener as_told(const ProgramListener& listener);  // with its address as what is said

class ListenerWatch final : private DestroyWatch::Listener, private loop::Timer::Listener {
 public:
  static constexpr std::size_t kMost = 4096;  // and as many whose port the kernel has chosen
  static constexpr std::chrono::seconds kLookAgain{5};  // in case an event was lost

  class Listener {
   public:
    virtual void on_listener_found(const ProgramListener& listener) = 0;
    virtual void on_listener_gone(const ProgramListener& listener) = 0;

   protected:
    ~Listener() = default;
  };

  ListenerWatch(loop::Loop& loop, Listener& listener, Protocol protocol = Protocol::kTcp);
  // Found only if the kernel knows such a listening socket with that cookie, of
  // the asker's user: nobody can publish another user's port.
  void add(const WatchedListener& listener);
  // Of an earlier process. The kernel is asked once which are still there.
  void add_those_left(std::vector<WatchedListener> listeners);
  std::size_t size() const { return listeners_.size(); }
  const std::map<std::uint64_t, ProgramListener>& all() const { return listeners_; }  // by cookie

 private:
  void on_socket_destroyed(std::uint64_t cookie) override;
  void on_events_lost() override { look(); }
  void on_timer(loop::Timer& timer) override;
  void look();
  std::optional<DiagSocket> begin(const WatchedListener& told);
  Result<std::optional<DiagSocket>> find(const WatchedListener& told);
  void remove(std::uint64_t cookie);
  bool has_room_for(const WatchedListener& told) const;

  Listener& listener_;
  Protocol protocol_;
  InetDiag diag_;
  DestroyWatch destroyed_;
  loop::Timer timer_;
  std::map<std::uint64_t, ProgramListener> listeners_;
  std::size_t kernels_ = 0;  // of these, with ports that the kernel has chosen
};

}  // namespace culvert::agent
