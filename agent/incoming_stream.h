// agent/incoming_stream.h: a stream that a remote endpoint opened to a published port: dials the
// local program from the caller's virtual address.
#pragma once
#include "agent/inbound_dial.h"
#include "tunnel/session/session_link.h"

namespace culvert::agent {

class IncomingStream final : private session::SessionLink::StreamHandler,
                             private InboundDial::Listener {
 public:
  class Listener {
   public:
    // One of them, once: destroy it.
    virtual void on_incoming_stream_connected(IncomingStream& stream, UniqueFd program) = 0;
    virtual void on_incoming_stream_ended(IncomingStream& stream) = 0;

   protected:
    ~Listener() = default;
  };

  IncomingStream(loop::Loop& loop, session::SessionLink& link, mux::StreamId stream,
                 const SocketAddress& caller, const IpAddress& own, const InboundTarget& to,
                 AcceptDesk& desk, Listener& listener);

  mux::StreamId stream() const { return stream_; }

 private:
  void on_stream_accepted() override {}
  void on_stream_readable() override {}  // waits in the stream until the flow reads it
  void on_stream_writable() override {}
  void on_stream_reset(const Error& why) override;
  void on_inbound_dialled(InboundDial& dial, UniqueFd fd, int error) override;

  session::SessionLink& link_;
  mux::StreamId stream_;
  InboundTarget to_;
  Listener& listener_;
  InboundDial dial_;
};

}  // namespace culvert::agent
