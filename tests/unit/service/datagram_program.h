// tests/unit/service/datagram_program.h: the program at an endpoint's end of a stream of datagrams.
#pragma once
#include "service_lab.h"

namespace culvert::service {

class DatagramProgram : public session::SessionLink::StreamHandler {
 public:
  void send(std::string_view text) {
    link_.send_datagram(stream_, as_bytes(text));
    link_.schedule();
  }
  std::vector<std::string> heard;
  std::optional<Error> reset;

 protected:
  // Opens a stream to `target` ...
  DatagramProgram(TestEndpoint& endpoint, const control::Target& target)
      : link_(*endpoint.link), stream_(*link_.open(target, *this)) {}
  // ... or takes one over.
  DatagramProgram(TestEndpoint& endpoint, mux::StreamId stream)
      : link_(*endpoint.link), stream_(stream) {
    link_.attach(stream_, *this);
  }
  ~DatagramProgram() = default;

  void on_stream_accepted() override {}
  void on_stream_readable() override {}
  void on_stream_writable() override {}
  void on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) override {
    for (const auto& one : datagrams) heard.emplace_back(as_text(one.data));
  }
  void on_stream_reset(const Error& why) override { reset = why; }

  session::SessionLink& link_;
  mux::StreamId stream_;
};

}  // namespace culvert::service
