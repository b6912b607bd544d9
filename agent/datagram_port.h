// agent/datagram_port.h: one UDP port of a virtual address, bound by the agent itself: programs
// send to it and hear from it natively. Behind it, a flow for each socket of a program, whichever
// end has begun it: so who is called by an address and port, and calls there himself, has one flow.
//
// It may be without a socket of its own, where a program here that the far end has called has the
// port on all addresses (agent/port_seats.h): until that one sends there, and its shim asks.
#pragma once
#include <memory>
#include <optional>
#include <unordered_map>

#include "agent/program_flow.h"
#include "tunnel/loop/udp_socket.h"

namespace culvert::agent {

class DatagramPort final : private loop::UdpSocket::Listener, private ProgramFlow::Listener {
 public:
  static constexpr std::chrono::seconds kLeave{2};  // a flow whose socket is gone
  static constexpr std::chrono::seconds kShut{1};   // after a refusal that cannot be forged

  class Owner {
   public:
    virtual void open_stream(const SocketAddress& to, const ProgramFlow& flow,
                             StreamOpening& opening) = 0;
    virtual void cancel_opening(StreamOpening& opening) = 0;
    // The socket of a program that sent, if it may: its cookie, 0 if it is not known. `asked`: the
    // flow of one that the far end has asked, beside which this one may answer; or null.
    virtual std::optional<std::uint64_t> admit(const SocketAddress& program,
                                               const SocketAddress& bound,
                                               const ProgramFlow* asked) = 0;
    virtual void on_flow_made(DatagramPort& port, const ProgramFlow& flow) = 0;
    virtual void on_flow_left(DatagramPort& port, const ProgramFlow& flow) = 0;
    virtual void on_flow_refused(DatagramPort& port, const ProgramFlow& flow, const Error& why) = 0;
    virtual void on_flow_let_go(DatagramPort& port) = 0;  // one at least: call close_idle() soon
    // Whether a socket is at that address of a program that hears from this port.
    virtual bool is_anybody_at(const SocketAddress& program, const DatagramPort& port) = 0;
    // Whether the program's socket is connected to this port: then it never asks for it again.
    virtual bool is_connected(const SocketAddress& program, const DatagramPort& port) = 0;
    // From which any address of this machine can be sent from with that port; -1: there is none.
    virtual int seat_of(std::uint16_t port) = 0;
    // The far end answers a flow of `port` from its port `from`. False: there is no room.
    virtual bool open_beside(DatagramPort& port, const ProgramFlow& flow, std::uint16_t from,
                             session::SessionLink& link, mux::StreamId stream) = 0;

   protected:
    ~Owner() = default;
  };

  // `bound` may differ from `to`, the virtual address and port that programs mean. `socket` may be
  // missing.
  DatagramPort(loop::Loop& loop, const SocketAddress& to, const SocketAddress& bound,
               UniqueFd socket, Owner& owner);

  const SocketAddress& to() const { return to_; }
  const SocketAddress& bound() const { return bound_; }
  int fd() const { return socket_ ? socket_->fd() : -1; }
  std::size_t flow_count() const { return flows_.size() + leaving_.size(); }
  bool is_bound() const { return socket_.has_value(); }
  bool in_use() const { return !flows_.empty(); }       // by sockets that are there
  bool for_peers_alone() const { return !asked_for_; }  // no program here has asked for it
  TimePoint last_used() const { return last_used_; }
  void asked_for(TimePoint now) {
    last_used_ = now;
    asked_for_ = true;
  }
  void add_flow(const SocketAddress& program, std::uint64_t cookie);
  // The same, with a stream that the far end has opened.
  void take_over_flow(const SocketAddress& program, std::uint64_t cookie,
                      session::SessionLink& link, mux::StreamId stream);
  // Its socket is gone. What it sent last still goes out; nobody inherits it.
  void retire_flow(const SocketAddress& program, std::uint64_t cookie);
  // Gives streams up that nobody used; the time of the next that could be.
  std::optional<TimePoint> close_idle(TimePoint now);
  template <class Visit>
  void for_each_flow(Visit visit) const {
    for (const auto& [at, flow] : flows_) visit(*flow);
  }

  // Without the right to forge: nobody is there for a moment, and the kernel says so to whoever
  // sends.
  void shut(TimePoint now);
  std::optional<TimePoint> shut_until() const { return shut_until_; }
  void open_again(UniqueFd socket, const SocketAddress& bound);

 private:
  static std::uint64_t key(const SocketAddress& program) {
    return std::uint64_t{program.ip.v4_value()} << 16 | program.port;
  }
  void on_received(loop::UdpSocket& socket, const SocketAddress& from, Bytes data,
                   std::size_t segment) override;
  void on_receive_failed(loop::UdpSocket&, int) override {}
  void on_batch_ended(loop::UdpSocket&) override {}
  void open_stream(ProgramFlow& flow, StreamOpening& opening) override;
  void cancel_opening(StreamOpening& opening) override { owner_.cancel_opening(opening); }
  void on_flow_answered(ProgramFlow& flow,
                        std::span<const mux::ArrivedDatagram> datagrams) override;
  void on_flow_failed(ProgramFlow& flow, const Error& why) override;
  void on_flow_let_go(ProgramFlow& flow) override;
  bool on_flow_answered_beside(ProgramFlow& flow, session::SessionLink& link, mux::StreamId stream,
                               std::uint16_t port) override;
  bool is_here(const ProgramFlow& flow) const;  // its socket is there
  ProgramFlow* flow_of(const SocketAddress& program);
  // That the far end has begun, and uses.
  ProgramFlow* called();

  loop::Loop& loop_;
  SocketAddress to_, bound_;
  Owner& owner_;
  TimePoint last_used_;
  bool asked_for_ = false;
  std::optional<loop::UdpSocket> socket_;
  std::optional<TimePoint> shut_until_;
  std::unordered_map<std::uint64_t, std::unique_ptr<ProgramFlow>> flows_;
  std::vector<std::unique_ptr<ProgramFlow>> leaving_;
};

}  // namespace culvert::agent
