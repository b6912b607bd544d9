// tunnel/loop/tcp_socket.h: one connected TCP socket as a BytePipe. Keeps the difference between
// an orderly end (FIN) and an abort (RST) in both directions, and buffers nothing itself.
#pragma once
#include "tunnel/base/address.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/loop.h"
#include "tunnel/loop/splice_pipe.h"

namespace culvert::loop {

class TcpSocket final : public BytePipe {
 public:
  // Takes a connected socket; sets it non-blocking, close-on-exec, TCP_NODELAY and SO_OOBINLINE
  // (urgent bytes must not get lost; their mark does).
  TcpSocket(Loop& loop, UniqueFd connected);

  IoResult read(MutableBytes into) override;
  IoResult write(Bytes from) override;
  void set_interest(bool readable, bool writable) override;
  void end_writing() override;
  void abort() override;

  // The same without a copy; see SplicePipe about kBlocked.
  IoResult read(SplicePipe& into, std::size_t most) { return into.fill(fd_.get(), most); }
  IoResult write(SplicePipe& from) { return from.drain(fd_.get()); }

  int fd() const { return fd_.get(); }

 private:
  void on_poll(int status, int events);
  void rearm();

  UniqueFd fd_;
  Handle<uv_poll_t> poll_;  // after fd_: libuv must forget the descriptor before it is closed
  int armed_ = 0;           // what libuv watches now
  bool want_read_ = false, want_write_ = false;
  bool saw_hangup_ = false;  // the peer's end was seen while not reading: do not watch for it again
};

// Tuning of local legs: programs on this machine. BBR halves loopback (measured 0.42-0.74 x), and
// cubic is not always allowed to ordinary users, hence reno. Socket buffers of 512 KiB.
void tune_local_leg(int fd);
// Carriers: a shallow kernel queue (TCP_NOTSENT_LOWAT 128 KiB), so that an echo is not stuck behind
// a bulk stream.
void tune_carrier(int fd);

}  // namespace culvert::loop
