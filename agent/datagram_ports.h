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
#include "agent/inbound_dial.h"
#include "agent/inet_diag.h"
#include "agent/port_seats.h"
#include "agent/question.h"
#include "agent/refusal.h"
#include "agent/share_desk.h"
#include "agent/snapshot.h"
#include "shim/wire.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

class DatagramPorts final : public AnswersBeside::Judge,
                            private DatagramPort::Owner,
                            private ShareDesk::Owner,
                            private DestroyWatch::Listener,
                            private loop::Timer::Listener {
 public:
  static constexpr std::size_t kMostPorts = 4096, kMostFlows = 16'384;
  // Flows of one socket up to which the far end may begin further ones.
  static constexpr std::size_t kMostBeside = 64;
  // Without flows. Longer than a shim remembers that a port is bound.
  static constexpr std::chrono::seconds kLinger{CULVERT_DATAGRAMS_SECONDS + 2};

  class Handler {
   public:
    // `from_port`: of the program that sends, for the far end to show; 0: that is not told.
    virtual void open_datagrams(const SocketAddress& to, std::uint16_t from_port,
                                StreamOpening& opening) = 0;
    virtual void cancel_datagrams(StreamOpening& opening) = 0;
    virtual bool may_send(uid_t uid) = 0;
    virtual bool may_everybody_send() = 0;

   protected:
    ~Handler() = default;
  };

  // `seats`: a loopback address that means nobody (agent/port_seats.h).
  DatagramPorts(loop::Loop& loop, const IpAddress& seats, Handler& handler);
  ~DatagramPorts();

  // `question` is of an asker who may, about an address that means something.
  void ask(std::unique_ptr<DatagramQuestion> question);
  // The same without a question: where datagrams to `to` are heard from now on.
  Result<SocketAddress> open_for(const SocketAddress& to);
  // A stream that `caller` (a virtual address, and the port of the program there) has opened to a
  // socket of this machine. What comes by it comes from the very address that answers and calls of
  // programs here go to, and all of this is one flow. False: that address is not to be had, or the
  // socket is one that only a connected socket can tell about; the stream is untouched then. Where
  // one socket is meant (InboundTarget), the caller may be shown with another port.
  bool serve(const SocketAddress& caller, const InboundTarget& to, session::SessionLink& link,
             mux::StreamId stream);
  PortSeats& seats() { return seats_; }
  ShareDesk& share_desk() { return share_desk_; }
  // Who may send to other machines, or is the user whose server was asked.
  bool may_answer(const SocketAddress& from, const SocketAddress& caller,
                  const SocketAddress& asked) override;
  std::size_t flow_count() const { return sockets_.size(); }
  std::vector<PortSnapshot> take_snapshots(restart::Outgoing& out) const;
  void go_on(const std::vector<PortSnapshot>& from, restart::Inherited& sockets);

 private:
  void open_stream(const SocketAddress& to, const ProgramFlow& flow,
                   StreamOpening& opening) override;
  void cancel_opening(StreamOpening& opening) override;
  std::optional<std::uint64_t> admit(const SocketAddress& program, const SocketAddress& bound,
                                     const ProgramFlow* asked) override;
  void on_flow_made(DatagramPort& port, const ProgramFlow& flow) override;
  void on_flow_left(DatagramPort& port, const ProgramFlow& flow) override;
  void on_flow_refused(DatagramPort& port, const ProgramFlow& flow, const Error& why) override;
  void on_flow_let_go(DatagramPort&) override { look_again_in(Duration::zero()); }
  bool is_anybody_at(const SocketAddress& program, const DatagramPort& port) override;
  bool is_connected(const SocketAddress& program, const DatagramPort& port) override;
  int seat_of(std::uint16_t port) override { return seats_.socket(port); }
  bool open_beside(DatagramPort& port, const ProgramFlow& flow, std::uint16_t from,
                   session::SessionLink& link, mux::StreamId stream) override;
  bool nobody_else_has(std::uint16_t port, bool own_shares) override;
  void share(std::uint16_t port, bool shared) override;
  void on_socket_destroyed(std::uint64_t cookie) override;
  void on_events_lost() override;
  void on_timer(loop::Timer& timer) override;

  Result<DatagramPort*> port_for(const SocketAddress& to);
  DatagramPort* port_of_caller(const SocketAddress& caller, bool has_seat);
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
  PortSeats seats_;
  ShareDesk share_desk_;
  loop::Timer timer_;
  std::optional<TimePoint> armed_for_;
  std::map<SocketAddress, std::unique_ptr<DatagramPort>> ports_;  // by what programs mean
  std::unordered_multimap<std::uint64_t, Place> sockets_;         // cookies of programs' sockets
  std::set<SocketAddress> to_shut_;                               // of ports_
};

}  // namespace culvert::agent
