#include "agent/incoming_stream.h"

#include <cstring>

namespace culvert::agent {

IncomingStream::IncomingStream(loop::Loop& loop, session::SessionLink& link, mux::StreamId stream,
                               const SocketAddress& caller, const IpAddress& own,
                               const InboundTarget& to, AcceptDesk& desk, Listener& listener)
    : link_(link),
      stream_(stream),
      to_(to),
      listener_(listener),
      dial_(loop, caller, own, to, desk, static_cast<InboundDial::Listener&>(*this)) {
  link_.attach(stream_, *this);
}

void IncomingStream::on_stream_reset(const Error&) { listener_.on_incoming_stream_ended(*this); }

void IncomingStream::on_inbound_dialled(InboundDial&, UniqueFd fd, int error) {
  if (!fd) {
    // The caller's program is shown the errno that this one would be shown.
    link_.refuse(stream_, from_errno(error), to_.bound.to_string() + ": " + std::strerror(error));
    return listener_.on_incoming_stream_ended(*this);
  }
  link_.accept(stream_);
  listener_.on_incoming_stream_connected(*this, std::move(fd));
}

}  // namespace culvert::agent
