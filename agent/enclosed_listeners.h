// agent/enclosed_listeners.h: the listening sockets of an enclosure's programs, told to the agent
// through stand-ins (agent/stand_in_listener.h), which publishes them or not. The kernel has no
// event for listen(): that one system call of the programs comes here instead, and is made here on
// the program's own socket. So does bind(), for UDP servers. Their end is seen as the agent sees
// that of all others.
#pragma once
#include <list>
#include <map>
#include <memory>
#include <set>

#include "agent/agent_client.h"
#include "agent/listener_watch.h"
#include "agent/notified_call.h"
#include "agent/stand_in_datagrams.h"
#include "agent/stand_in_listener.h"

namespace culvert::agent {

class EnclosedListeners final : private loop::FdWatch::Listener,
                                private ListenerWatch::Listener,
                                private StandInListener::Listener,
                                private loop::Timer::Listener {
 public:
  class Listener {
   public:
    virtual void on_program_called(UniqueFd program, UniqueFd caller) = 0;

   protected:
    ~Listener() = default;
  };

  // For install_call_filter(), in the process that enters the enclosure.
  static Result<UniqueFd> watch_calls();

  // `supervisor`: what that gave.
  EnclosedListeners(loop::Loop& loop, const AgentFacts& agent, EnclosedSide& inside,
                    UniqueFd supervisor, Listener& listener);

 private:
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void on_listen(const NotifiedCall& call);
  void on_listener_found(const ProgramListener& listener) override;
  void on_listener_gone(const ProgramListener& listener) override;
  void on_called(UniqueFd program, UniqueFd caller) override;
  void on_timer(loop::Timer& timer) override;
  void on_bind(const NotifiedCall& call);
  void add(std::optional<ListenerWatch>& to, const UniqueFd& socket, pid_t program,
           bool kernel_chose = false);
  void stand_in_for(const ProgramListener& listener);
  void stand_in_for_listener(const ProgramListener& listener, const SocketAddress& bound);
  void stand_in_for_server(const ProgramListener& listener, const SocketAddress& bound);
  Result<void> tell(culvert_question kind, std::uint64_t cookie, const SocketAddress& bound,
                    const std::string& token, const ProgramListener& of);

  struct Binding {  // the program is just inside of bind(), of a low port
    UniqueFd socket;
    pid_t program = 0;
    int looked = 0;
  };
  static constexpr std::chrono::milliseconds kLookAgain{1};
  static constexpr int kLooks = 20;

  loop::Loop& loop_;
  const AgentFacts& agent_;
  EnclosedSide& inside_;
  Listener& listener_;
  std::optional<ListenerWatch> watch_, udp_watch_;      // made in the thread inside, and told there
  std::optional<ProgramListener> found_;                // by it, just now
  std::map<std::uint64_t, StandInListener> stand_ins_;  // by the cookie of the program's socket
  // One for all sockets of an address, by that: servers connect() the socket that a caller's first
  // datagram has come to, and bind the next one beside it.
  struct SharedStandIn {
    std::unique_ptr<StandInDatagrams> stand_in;
    std::set<std::uint64_t> sockets;  // cookies
  };
  std::map<SocketAddress, SharedStandIn> udp_stand_ins_;
  std::list<Binding> bindings_;
  loop::Timer look_again_;
  UniqueFd supervisor_;
  std::optional<loop::FdWatch> calls_;
};

}  // namespace culvert::agent
