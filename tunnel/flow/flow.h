// tunnel/flow/flow.h: joins one TCP socket (a program's, or a destination's) to one stream of a
// session: bytes, half-close (FIN) and reset (RST) pass faithfully in both directions. Not reading
// is its back-pressure; it holds no byte itself.
#pragma once
#include <memory>

#include "tunnel/loop/tcp_socket.h"
#include "tunnel/session/session_link.h"

namespace culvert::flow {

class Flow final : private loop::BytePipe::Listener, private session::SessionLink::StreamHandler {
 public:
  class Listener {
   public:
    virtual void on_flow_ended(Flow& flow) = 0;  // destroy it: nothing more will happen

   protected:
    ~Listener() = default;
  };

  // Takes over the stream: attaches itself in place of its handler, and reads at once.
  Flow(session::SessionLink& link, mux::StreamId stream, std::unique_ptr<loop::TcpSocket> socket,
       Listener& listener);
  ~Flow();

  mux::StreamId stream() const { return stream_; }
  std::uint64_t octets_up() const { return up_; }      // socket to stream
  std::uint64_t octets_down() const { return down_; }  // stream to socket

 private:
  void on_readable() override;
  void on_writable() override;
  void on_broken(int error) override;
  void on_stream_accepted() override {}
  void on_stream_readable() override;
  void on_stream_writable() override;
  void on_stream_reset(const Error& why) override;

  void update_interest();
  loop::IoResult read_socket();
  bool pump_up();  // these return false when the flow has ended
  bool pump_down();
  bool abort_stream(int error);
  bool end_if_done();

  session::SessionLink& link_;
  mux::StreamId stream_;
  std::unique_ptr<loop::TcpSocket> socket_;
  Listener& listener_;
  std::uint64_t up_ = 0, down_ = 0;
  bool up_ended_ = false, down_ended_ = false, stream_full_ = false, socket_full_ = false;
  bool stream_gone_ = false, bulk_ = false;
};

}  // namespace culvert::flow
