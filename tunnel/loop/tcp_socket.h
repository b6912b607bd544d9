// tunnel/loop/tcp_socket.h: one connected TCP socket as a BytePipe. Keeps the difference between
// an orderly end (FIN) and an abort (RST) in both directions, and buffers nothing itself.
#pragma once
#include "tunnel/base/address.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/loop.h"
#include "tunnel/loop/splice_pipe.h"

namespace culvert::loop {

class TcpSocket final : public BytePipe, private Poller::Watcher {
 public:
  // Takes a connected socket, blocking or not (it never waits), and sets TCP_NODELAY and
  // SO_OOBINLINE: urgent bytes must not get lost for who does not look for their mark.
  TcpSocket(Loop& loop, UniqueFd connected);
  ~TcpSocket() override;

  IoResult read(MutableBytes into) override;
  IoResult write(Bytes from) override;
  void set_interest(bool readable, bool writable) override;
  void end_writing() override;
  void abort() override;
  bool stranded() const override;  // two system calls
  void allow_fragments() override;

  // Whether whoever closes it resets the connection: also the kernel, when this process is killed.
  // Else its end would look orderly to the other side, which is short of octets.
  void set_reset_on_close(bool reset);
  // As abort(), but behind what was written, and `rest`, for who reads on (last_words.h).
  void abort_behind(Bytes rest);
  IoResult write(std::span<const Bytes> pieces);  // at most 64, in one system call
  // Before anything has arrived. What comes first, in one go, makes the kernel shut the window of a
  // socket that has too little room, and it opens it again for who takes away all that there is
  // room for in a round trip: not for who reads many in turn (measured: of 100 bulks alike, some
  // had 21 KB a turn and some 68, for good).
  void make_room_for_bulk();
  // The same without a copy, after splice_from_now(); see SplicePipe about kBlocked.
  IoResult read(SplicePipe& into, std::size_t most);
  IoResult write(SplicePipe& from);
  // Whether the next octet is urgent. A system call only where one was announced.
  bool at_urgent_mark() const;
  IoResult write_urgent(std::byte octet);
  void splice_from_now();  // splice() knows no MSG_DONTWAIT: the socket itself must not wait

  int fd() const { return fd_.get(); }
  bool can_move() const override { return true; }
  void leave_loop() override;
  void enter_loop(Loop& loop) override;

 private:
  void on_events(std::uint32_t events) override;
  void on_again() override;
  bool read_due() const { return readable_ && want_read_; }
  bool write_due() const { return writable_ && want_write_; }
  bool due() const { return read_due() || write_due() || (broken_ && !want_read_); }
  void close();
  void found_empty();
  void found_full();

  Loop* loop_;  // null: between two loops
  UniqueFd fd_;
  bool want_read_ : 1 = false, want_write_ : 1 = false;
  // What the kernel said, until a call has shown that it is over: its events are edges.
  bool readable_ : 1 = false, writable_ : 1 = true;
  bool broken_ : 1 = false;  // and the owner does not know yet
  // An end, an error or an urgent mark was announced: a short read need not be the last one.
  bool more_behind_ : 1 = false;
  bool urgent_ : 1 = false;             // a mark was announced, and the socket was not empty since
  bool watching_writable_ : 1 = false;  // only from the first time that the socket was full
  bool write_first_ : 1 = false;        // both are due: they alternate
};

// Tuning of local legs: programs on this machine. BBR halves loopback (measured 0.42-0.74 x), and
// cubic is not always allowed to ordinary users, hence reno. Socket buffers of 512 KiB.
void tune_local_leg(int fd);
// Carriers: a shallow kernel queue (TCP_NOTSENT_LOWAT 128 KiB), so that an echo is not stuck behind
// a bulk stream. What gets no answer is sent again every two seconds at least.
void tune_carrier(int fd);

}  // namespace culvert::loop
