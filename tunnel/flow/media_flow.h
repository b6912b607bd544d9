// tunnel/flow/media_flow.h: joins one TCP connection that carries RTP or RTCP packets (RFC 4571) to
// the datagrams of one stream: for far ends that take media by TCP alone. What cannot leave within
// kLate is dropped, as sound that comes late is of no use; a frame that has begun to leave is
// completed. Ends with the connection, and after kIdle (datagram_flow.h).
#pragma once
#include <deque>

#include "tunnel/flow/datagram_flow.h"
#include "tunnel/flow/media_frames.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::flow {

class MediaFlow final : private loop::BytePipe::Listener,
                        private session::SessionLink::StreamHandler,
                        private loop::Timer::Listener {
 public:
  static constexpr std::chrono::milliseconds kLate{60};
  static constexpr std::size_t kMostWaiting = 256;  // frames

  class Listener {
   public:
    virtual void on_media_flow_ended(MediaFlow& flow, const Error& why) = 0;  // once: destroy it

   protected:
    ~Listener() = default;
  };

  struct Budgets {  // borrowed, or null
    DatagramBudget* to_host = nullptr;
    DatagramBudget* from_host = nullptr;
  };
  // Takes over the stream.
  MediaFlow(loop::Loop& loop, session::SessionLink& link, mux::StreamId stream, UniqueFd connected,
            const Budgets& budgets, Listener& listener);
  // For a host that has connected by itself: opens a stream to `target`.
  static Result<std::unique_ptr<MediaFlow>> call(loop::Loop& loop, session::SessionLink& link,
                                                 const control::Target& target, UniqueFd connected,
                                                 const Budgets& budgets, Listener& listener);
  ~MediaFlow();
  void begin(const std::vector<ByteVector>& first);  // arrived before the connection was there
  std::uint64_t dropped() const { return dropped_; }

 private:
  void on_readable() override;
  void on_writable() override { write(); }
  void on_broken(int error) override;
  void on_stream_accepted() override {}
  void on_stream_readable() override;
  void on_stream_writable() override {}
  void on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) override;
  void on_stream_reset(const Error& why) override;
  void on_timer(loop::Timer& timer) override;
  void send(Bytes datagram);
  void write();                // may end, and so destroy, it
  void end(const Error& why);  // destroys this
  MediaFlow(loop::Loop& loop, session::SessionLink& link, UniqueFd connected,
            const Budgets& budgets, Listener& listener);

  struct Waiting {
    TimePoint since;
    ByteVector frame;
  };
  loop::Loop& loop_;
  session::SessionLink& link_;
  mux::StreamId stream_{};
  Budgets budgets_;
  Listener& listener_;
  loop::TcpSocket socket_;
  MediaFrames arrived_;
  std::deque<Waiting> waiting_;
  std::size_t written_ = 0;  // of the first of them
  std::uint64_t dropped_ = 0;
  TimePoint last_used_;
  loop::Timer timer_;
  bool stream_gone_ = true;
};

}  // namespace culvert::flow
