// tunnel/quic/quic_pipe.h: a Connection on the loop, as a BytePipe over a path for datagrams. The
// thin edge: moves datagrams and deadlines, decides nothing.
//
// Destroying it flushes what the path takes at once and tells the peer that it is over, but does
// not wait for anything to arrive, as closing a TCP socket would: whoever needs that ends the pipe
// in order and waits for the peer's end.
#pragma once
#include <optional>

#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/timer.h"
#include "tunnel/quic/connection.h"
#include "tunnel/quic/datagram_channel.h"

namespace culvert::quic {

class QuicPipe final : public loop::BytePipe,
                       private DatagramChannel::Listener,
                       private loop::Timer::Listener,
                       private loop::Deferred {
 public:
  // Takes up `channel` at once. Datagrams that came before are not lost: they are sent again.
  static Result<std::unique_ptr<QuicPipe>> make(loop::Loop& loop,
                                                const Connection::Settings& settings,
                                                std::unique_ptr<DatagramChannel> channel);
  ~QuicPipe() override;

  loop::IoResult read(MutableBytes into) override;
  loop::IoResult write(Bytes from) override;
  void set_interest(bool readable, bool writable) override;
  void end_writing() override;
  void abort() override;
  const Error* failure() const override { return connection_->failure(); }
  const Connection& connection() const { return *connection_; }

 private:
  QuicPipe(loop::Loop& loop, std::unique_ptr<Connection> connection,
           std::unique_ptr<DatagramChannel> channel);
  void on_datagrams(Bytes data, std::size_t segment) override;
  void on_channel_writable() override;
  void on_channel_broken(int error) override;
  void on_timer(loop::Timer& timer) override;
  void run_deferred() override;
  void flush();
  void arm_timer();
  bool tell();  // the listener; false: destroyed
  int broken_error() const;

  std::unique_ptr<Connection> connection_;
  std::unique_ptr<DatagramChannel> channel_;
  loop::Timer timer_;
  std::optional<TimePoint> armed_for_;
  std::span<const Bytes> unsent_;  // of the last pack(): the channel was full
  int channel_error_ = 0;
  bool want_read_ = false, want_write_ = false;
  bool told_broken_ = false, aborted_ = false;
  bool* destroyed_ = nullptr;  // set while the listener is called
};

}  // namespace culvert::quic
