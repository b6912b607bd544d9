// agent/incoming_stream.h: a stream that a remote endpoint opened to a published port: dials the
// local program from the caller's virtual address, then carries bytes.
#pragma once
#include <memory>
#include <optional>

#include "agent/inbound_dial.h"
#include "tunnel/flow/flow.h"

namespace culvert::agent {

class IncomingStream final : private session::SessionLink::StreamHandler,
                             private InboundDial::Listener,
                             private flow::Flow::Listener {
 public:
  class Listener {
   public:
    virtual void on_incoming_stream_ended(IncomingStream& stream) = 0;  // destroy it

   protected:
    ~Listener() = default;
  };

  IncomingStream(loop::Loop& loop, session::SessionLink& link, mux::StreamId stream,
                 const IpAddress& caller, const SocketAddress& to, Listener& listener);

 private:
  void on_stream_accepted() override {}
  void on_stream_readable() override {}  // waits in the stream until the flow reads it
  void on_stream_writable() override {}
  void on_stream_reset(const Error& why) override;
  void on_inbound_dialled(InboundDial& dial, UniqueFd fd, int error) override;
  void on_flow_ended(flow::Flow& flow) override;

  loop::Loop& loop_;
  session::SessionLink& link_;
  mux::StreamId stream_;
  SocketAddress to_;
  Listener& listener_;
  std::optional<InboundDial> dial_;
  std::optional<flow::Flow> flow_;
};

}  // namespace culvert::agent
