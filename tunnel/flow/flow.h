// tunnel/flow/flow.h: joins one TCP socket (a program's, or a destination's) to one stream of a
// session: bytes, half-close (FIN) and reset (RST) pass faithfully in both directions, and so does
// the mark of an urgent octet (PROTOCOL.md section 5.7) where nothing keeps it from being in time.
// Not reading is its back-pressure; it holds no byte itself.
#pragma once
#include "tunnel/base/byte_queue.h"
#include "tunnel/loop/tcp_socket.h"
#include "tunnel/session/session_link.h"

namespace culvert::flow {

class FlowList;

class Flow final : private loop::BytePipe::Listener, private session::SessionLink::StreamHandler {
 public:
  // Takes over the stream: attaches itself in place of its handler. Never ends in here. The stream
  // may be one that an earlier process half-closed.
  Flow(loop::Loop& loop, session::SessionLink& link, mux::StreamId stream, UniqueFd socket);
  ~Flow();

  mux::StreamId stream() const { return stream_; }
  const session::SessionLink& link() const { return link_; }
  int fd() const { return socket_.fd(); }

 private:
  void on_readable() override;
  void on_writable() override;
  void on_broken(int error) override;
  void on_stream_accepted() override {}
  void on_datagram_ahead(Bytes datagram) override;
  void on_stream_readable() override;
  void on_stream_writable() override;
  void on_stream_reset(const Error& why) override;

  void update_interest();
  bool tell_urgent();
  bool cut_at_urgent(std::span<Bytes>& pieces);
  loop::IoResult read_socket();
  bool pump_up();  // these return false when the flow has ended
  bool pump_down();
  bool find_full();
  bool abort_stream(int error);
  ByteQueue read_rest();
  bool end_if_done();

  void end();  // takes itself off its list and destroys this

  friend class FlowList;
  session::SessionLink& link_;
  Flow* next_ = nullptr;
  Flow** place_ = nullptr;
  loop::TcpSocket socket_;
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  std::uint64_t urgent_at_ = kNone;  // of the stream's octets that come
  mux::StreamId stream_;
  bool up_ended_ : 1 = false, down_ended_ : 1 = false;
  bool stream_full_ : 1 = false, socket_full_ : 1 = false;
  bool stream_gone_ : 1 = false, bulk_ : 1 = false;
  bool urgent_told_ : 1 = false;
};

}  // namespace culvert::flow
