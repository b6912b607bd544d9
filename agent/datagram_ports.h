// agent/datagram_ports.h: all UDP ports of virtual addresses that programs here send to. A port is
// bound when a shim asks before the first datagram, and stays while sockets are there that use it.
//
// Whose socket sends is asked of the kernel (inet_diag) before its first datagram goes anywhere,
// and its death ends its flows, so that nobody who gets its port later inherits them.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <unordered_map>

#include "agent/answers_beside.h"
#include "agent/asker.h"
#include "agent/datagram_port.h"
#include "agent/destroy_watch.h"
#include "agent/inet_diag.h"
#include "agent/question.h"
#include "agent/refusal.h"
#include "agent/snapshot.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

class DatagramPorts final : public AnswersBeside::Judge,
                            private DatagramPort::Owner,
                            private DestroyWatch::Listener,
                            private loop::Timer::Listener {
 public:
  static constexpr std::size_t kMostPorts = 4096, kMostFlows = 16'384;
  // Flows of one socket up to which the far end may begin further ones.
  static constexpr std::size_t kMostBeside = 64;
  // Without flows. Longer than a shim remembers that a port is bound.
  static constexpr std::chrono::seconds kLinger{60};

  class Handler {
   public:
    virtual void open_datagrams(const SocketAddress& to, StreamOpening& opening) = 0;
    virtual void cancel_datagrams(StreamOpening& opening) = 0;
    virtual bool may_send(uid_t uid) = 0;
    virtual bool may_everybody_send() = 0;

   protected:
    ~Handler() = default;
  };

  DatagramPorts(loop::Loop& loop, Handler& handler);
  ~DatagramPorts();

  // `question` is of an asker who may, about an address that means something.
  void ask(std::unique_ptr<DatagramQuestion> question);
  // The same without a question: where datagrams to `to` are heard from now on.
  Result<SocketAddress> open_for(const SocketAddress& to);
  // Who may send to other machines, or is the user whose server was asked.
  bool may_answer(const SocketAddress& from, const SocketAddress& caller,
                  const SocketAddress& asked) override;
  std::size_t flow_count() const { return sockets_.size(); }
  std::vector<PortSnapshot> take_snapshots(restart::Outgoing& out) const;
  void go_on(const std::vector<PortSnapshot>& from, restart::Inherited& sockets);

 private:
  void open_stream(const SocketAddress& to, StreamOpening& opening) override;
  void cancel_opening(StreamOpening& opening) override;
  std::optional<std::uint64_t> admit(const SocketAddress& program,
                                     const SocketAddress& bound) override;
  void on_flow_made(DatagramPort& port, const ProgramFlow& flow) override;
  void on_flow_left(DatagramPort& port, const ProgramFlow& flow) override;
  void on_flow_refused(DatagramPort& port, const ProgramFlow& flow, const Error& why) override;
  bool open_beside(DatagramPort& port, const ProgramFlow& flow, std::uint16_t from,
                   session::SessionLink& link, mux::StreamId stream) override;
  void on_socket_destroyed(std::uint64_t cookie) override;
  void on_events_lost() override;
  void on_timer(loop::Timer& timer) override;

  Result<DatagramPort*> port_for(const SocketAddress& to);
  void look_again_in(Duration after);

  struct Place {
    DatagramPort* port;
    SocketAddress program;
  };
  loop::Loop& loop_;
  Handler& handler_;
  InetDiag diag_;
  DestroyWatch destroyed_;
  std::optional<Refusal> refusal_;
  loop::Timer timer_;
  std::optional<TimePoint> armed_for_;
  std::map<SocketAddress, std::unique_ptr<DatagramPort>> ports_;  // by what programs mean
  std::unordered_multimap<std::uint64_t, Place> sockets_;         // cookies of programs' sockets
  std::set<SocketAddress> to_shut_;                               // of ports_
};

}  // namespace culvert::agent
