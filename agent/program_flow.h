// agent/program_flow.h: what one socket of a program sends to one virtual address and port, and the
// stream whose datagrams carry it: opened by the first datagram, given up when nobody uses it, and
// opened again by the next one. Lives as long as the program's socket.
//
// The far end may have begun such a stream as well: it called this socket, or answers it from
// another port. While that is open, what is sent here goes there, and no other is opened. Where
// both have begun at the same time, both are read: neither end could know which one the other
// gives up.
#pragma once
#include <vector>

#include "agent/stream_opening.h"
#include "tunnel/base/address.h"

namespace culvert::agent {

class ProgramFlow final : private StreamOpening {
 public:
  // While the way is found; as a host holds a few while it asks for the neighbour's address.
  static constexpr std::size_t kMostHeld = 32, kMostHeldOctets = 128 * 1024;

  struct Leg {
    session::SessionLink* link = nullptr;  // while there is a stream
    mux::StreamId stream{};
    bool open() const { return link != nullptr; }
  };

  class Listener {
   public:
    // The opening is told the stream or the failure, perhaps at once.
    virtual void open_stream(ProgramFlow& flow, StreamOpening& opening) = 0;
    virtual void cancel_opening(StreamOpening& opening) = 0;
    virtual void on_flow_answered(ProgramFlow& flow,
                                  std::span<const mux::ArrivedDatagram> datagrams) = 0;
    virtual void on_flow_failed(ProgramFlow& flow, const Error& why) = 0;  // must not destroy it
    // The far end has ended the stream that it had begun, and there is no other. Likewise.
    virtual void on_flow_let_go(ProgramFlow& flow) = 0;
    // The far end answers this flow's program from another port of its own. False: not taken.
    virtual bool on_flow_answered_beside(ProgramFlow& flow, session::SessionLink& link,
                                         mux::StreamId stream, std::uint16_t port) = 0;

   protected:
    ~Listener() = default;
  };

  ProgramFlow(const SocketAddress& program, std::uint64_t cookie, TimePoint now, Listener& listener)
      : program_(program), cookie_(cookie), listener_(listener), last_used_(now), theirs_(*this) {}
  ~ProgramFlow();

  const SocketAddress& program() const { return program_; }
  std::uint64_t cookie() const { return cookie_; }  // of its socket
  bool open() const { return own_.open() || theirs_.leg.open(); }
  bool opening() const { return opening_; }
  TimePoint last_used() const { return last_used_; }
  void send(Bytes datagram, TimePoint now);
  void batch_sent();  // of several send()
  void used(TimePoint now) { last_used_ = now; }
  void close();  // nobody uses it at the moment
  void refuse(ErrorCode code, std::string_view reason);
  // A stream that the far end has opened.
  void take_over(session::SessionLink& link, mux::StreamId stream, TimePoint now);
  bool begun_by_peer() const { return begun_by_peer_; }
  void keep() { begun_by_peer_ = false; }           // as one that the program has begun
  const Leg& begun() const { return theirs_.leg; }  // by the far end
  // Where the far end has called another socket here, what this one sends may go to the same socket
  // there, beside that flow: until that is refused.
  bool may_go_beside() const { return !beside_refused_; }
  void goes_beside(bool beside) { beside_ = beside; }  // told before on_stream_opening()
  // The program's port, for the far end to show; 0: that is too old to know what it is told.
  std::uint16_t port_to_tell() const { return tells_port_ ? program_.port : std::uint16_t{0}; }

 private:
  struct Theirs final : session::SessionLink::StreamHandler {
    explicit Theirs(ProgramFlow& of) : flow(of) {}
    void on_stream_accepted() override {}
    void on_stream_readable() override { flow.refuse_data(leg); }
    void on_stream_writable() override {}
    void on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) override {
      flow.listener_.on_flow_answered(flow, datagrams);
    }
    void on_stream_reset(const Error& why) override;
    ProgramFlow& flow;
    Leg leg;
  };

  void on_stream_opening(session::SessionLink& link, mux::StreamId stream) override;
  void on_opening_failed(const Error& why) override;
  void on_stream_accepted() override {}
  void on_stream_readable() override { refuse_data(own_); }
  void on_stream_writable() override {}
  void on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) override {
    listener_.on_flow_answered(*this, datagrams);
  }
  bool on_stream_opened_beside(session::SessionLink& link, mux::StreamId beside,
                               std::uint16_t port) override {
    return listener_.on_flow_answered_beside(*this, link, beside, port);
  }
  void on_stream_reset(const Error& why) override;
  static void refuse_data(Leg& leg);
  const Leg& leg() const { return theirs_.leg.open() ? theirs_.leg : own_; }
  void send_held();
  void drop_held();

  SocketAddress program_;
  std::uint64_t cookie_;
  Listener& listener_;
  TimePoint last_used_;
  Leg own_;
  Theirs theirs_;
  bool opening_ = false, begun_by_peer_ = false, tells_port_ = true;
  bool beside_ = false, beside_refused_ = false;
  std::vector<ByteVector> held_;
  std::size_t held_octets_ = 0;
};

}  // namespace culvert::agent
