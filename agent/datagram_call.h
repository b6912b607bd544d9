// agent/datagram_call.h: a stream of datagrams that somebody elsewhere has opened to a UDP port
// that is published here: which program gets them, and by which socket.
#pragma once
#include "agent/datagram_ports.h"
#include "agent/publisher.h"
#include "agent/sender_desk.h"
#include "tunnel/flow/datagram_flow.h"

namespace culvert::agent {

struct DatagramServers {  // borrowed
  loop::Loop& loop;
  const Publisher& publisher;  // of UDP ports
  DatagramPorts& ports;
  SenderDesk& senders;
};

struct DatagramCall {
  session::SessionLink& link;
  mux::StreamId stream;
  const control::Target& target;
  IpAddress from;  // the caller's virtual address
};

// Accepts the stream; what it needs beyond `servers` is kept in `flows`. Otherwise the stream is as
// it was.
Result<void> serve_datagrams(const DatagramServers& servers, const DatagramCall& call,
                             flow::DatagramFlows& flows);

}  // namespace culvert::agent
