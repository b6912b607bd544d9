// agent/program_flow.h: what one socket of a program sends to one virtual address and port, and the
// stream whose datagrams carry it: opened by the first datagram, given up when nobody uses it, and
// opened again by the next one. Lives as long as the program's socket.
#pragma once
#include <vector>

#include "agent/stream_opening.h"
#include "tunnel/base/address.h"

namespace culvert::agent {

class ProgramFlow final : private StreamOpening {
 public:
  // While the way is found; as a host holds a few while it asks for the neighbour's address.
  static constexpr std::size_t kMostHeld = 32, kMostHeldOctets = 128 * 1024;

  class Listener {
   public:
    // The opening is told the stream or the failure, perhaps at once.
    virtual void open_stream(StreamOpening& opening) = 0;
    virtual void cancel_opening(StreamOpening& opening) = 0;
    virtual void on_flow_answered(ProgramFlow& flow,
                                  std::span<const mux::ArrivedDatagram> datagrams) = 0;
    virtual void on_flow_failed(ProgramFlow& flow, const Error& why) = 0;  // must not destroy it
    // The far end answers this flow's program from another port of its own. False: not taken.
    virtual bool on_flow_answered_beside(ProgramFlow& flow, session::SessionLink& link,
                                         mux::StreamId stream, std::uint16_t port) = 0;

   protected:
    ~Listener() = default;
  };

  ProgramFlow(const SocketAddress& program, std::uint64_t cookie, TimePoint now, Listener& listener)
      : program_(program), cookie_(cookie), listener_(listener), last_used_(now) {}
  ~ProgramFlow();

  const SocketAddress& program() const { return program_; }
  std::uint64_t cookie() const { return cookie_; }  // of its socket
  bool open() const { return link_ != nullptr; }
  bool opening() const { return opening_; }
  TimePoint last_used() const { return last_used_; }
  void send(Bytes datagram, TimePoint now);
  void batch_sent();  // of several send()
  void used(TimePoint now) { last_used_ = now; }
  void close();  // nobody uses it at the moment
  // A stream that the far end has opened, in the place of one of ours.
  void take_over(session::SessionLink& link, mux::StreamId stream, TimePoint now);
  bool begun_by_peer() const { return begun_by_peer_; }

 private:
  void on_stream_opening(session::SessionLink& link, mux::StreamId stream) override;
  void on_opening_failed(const Error& why) override;
  void on_stream_accepted() override {}
  void on_stream_readable() override;
  void on_stream_writable() override {}
  void on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) override {
    listener_.on_flow_answered(*this, datagrams);
  }
  bool on_stream_opened_beside(session::SessionLink& link, mux::StreamId beside,
                               std::uint16_t port) override {
    return listener_.on_flow_answered_beside(*this, link, beside, port);
  }
  void on_stream_reset(const Error& why) override;

  SocketAddress program_;
  std::uint64_t cookie_;
  Listener& listener_;
  TimePoint last_used_;
  session::SessionLink* link_ = nullptr;  // while there is a stream
  mux::StreamId stream_{};
  bool opening_ = false, begun_by_peer_ = false;
  std::vector<ByteVector> held_;
  std::size_t held_octets_ = 0;
};

}  // namespace culvert::agent
