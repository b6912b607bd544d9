#include "tunnel/loop/tcp_socket.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <string_view>

#include "tunnel/loop/last_words.h"
#include "tunnel/loop/local_address.h"

namespace culvert::loop {
namespace {

#ifndef TCP_RTO_MAX_MS
constexpr int TCP_RTO_MAX_MS = 44;  // Linux 6.15; before: ENOPROTOOPT
#endif

constexpr int kBulkRoom = 128 * 1024;
constexpr int kMostRetransmissionTimeout = 2000;  // ms
constexpr std::uint32_t kReading = EPOLLET | EPOLLIN | EPOLLPRI | EPOLLRDHUP;

void set_option(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof value);  // tuning only: failure changes no meaning
}

// Whether the system's default congestion control, which a fresh socket has, is good enough for a
// local leg. Asked once.
bool loss_based_by_default(int fresh) {
  static const bool answer = [fresh] {
    std::array<char, 16> name{};
    socklen_t length = name.size() - 1;
    if (getsockopt(fresh, IPPROTO_TCP, TCP_CONGESTION, name.data(), &length) != 0) return false;
    const std::string_view is(name.data());
    return is == "reno" || is == "cubic";
  }();
  return answer;
}

int pending_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

}  // namespace

TcpSocket::TcpSocket(Loop& loop, UniqueFd connected) : loop_(&loop), fd_(std::move(connected)) {
  set_option(fd_.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd_.get(), SOL_SOCKET, SO_OOBINLINE, 1);
  loop_->poller().watch(fd_.get(), kReading, *this);
}

TcpSocket::~TcpSocket() { close(); }

void TcpSocket::close() {
  if (!fd_) return;
  if (loop_ != nullptr) loop_->poller().forget(fd_.get());
  fd_.reset();
}

void TcpSocket::leave_loop() {
  listener_ = nullptr;
  want_read_ = want_write_ = false;
  loop_->poller().disown(fd_.get());
  loop_ = nullptr;
}

// The other poller is told at once of all that there is by now: nothing of what the former one was
// told need be known.
void TcpSocket::enter_loop(Loop& loop) {
  loop_ = &loop;
  readable_ = broken_ = more_behind_ = urgent_ = watching_writable_ = write_first_ = false;
  writable_ = true;
  loop_->poller().watch(fd_.get(), kReading, *this);
}

IoResult TcpSocket::read(MutableBytes into) {
  assert(!into.empty());
  while (true) {
    const auto count = ::recv(fd_.get(), into.data(), into.size(), MSG_DONTWAIT);
    if (count > 0) {
      const auto moved = static_cast<std::size_t>(count);
      // epoll(7): a short read of a stream has emptied it. TCP ends one at an urgent mark, too.
      if (moved < into.size() && !more_behind_) found_empty();
      return IoResult::moved(moved);
    }
    if (count == 0) return IoResult::end();
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      more_behind_ = urgent_ = false;
      found_empty();
      return IoResult::blocked();
    }
    broken_ = false;
    return IoResult::failed(errno);
  }
}

// SO_RCVBUF would end the kernel's own tuning. SO_RCVLOWAT makes room for what it asks for (Linux
// 4.18, tcp_set_rcvlowat()), which is left where it was when it asks for an octet again.
void TcpSocket::make_room_for_bulk() {
  set_option(fd_.get(), SOL_SOCKET, SO_RCVLOWAT, kBulkRoom);
  set_option(fd_.get(), SOL_SOCKET, SO_RCVLOWAT, 1);
}

IoResult TcpSocket::write(Bytes from) { return write(std::span{&from, 1}); }

IoResult TcpSocket::write(std::span<const Bytes> pieces) {
  std::array<iovec, 64> parts;
  assert(!pieces.empty() && pieces.size() <= parts.size());
  std::size_t size = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    parts[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};  // as sendmsg() has it
    size += pieces[i].size();
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = pieces.size();
  while (true) {
    const auto count = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      const auto moved = static_cast<std::size_t>(count);
      if (moved < size) found_full();
      return IoResult::moved(moved);
    }
    if (errno == EINTR) continue;
    // EINPROGRESS: the SYN went out without octets after all (TcpDial::FastOpen).
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINPROGRESS) {
      found_full();
      return IoResult::blocked();
    }
    broken_ = false;
    return IoResult::failed(errno);
  }
}

// A read() ends before the mark (tcp(7), SO_OOBINLINE), so that none passes it unseen.
bool TcpSocket::at_urgent_mark() const {
  int at_mark = 0;
  return urgent_ && ::ioctl(fd_.get(), SIOCATMARK, &at_mark) == 0 && at_mark != 0;
}

IoResult TcpSocket::write_urgent(std::byte octet) {
  const auto count = ::send(fd_.get(), &octet, 1, MSG_OOB | MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count >= 0) return IoResult::moved(static_cast<std::size_t>(count));
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    found_full();
    return IoResult::blocked();
  }
  broken_ = false;
  return IoResult::failed(errno);
}

void TcpSocket::splice_from_now() {
  fcntl(fd_.get(), F_SETFL, fcntl(fd_.get(), F_GETFL) | O_NONBLOCK);
}

// Whatever came, there may be more: only read() finds out that the socket is empty.
IoResult TcpSocket::read(SplicePipe& into, std::size_t most) {
  const auto got = into.fill(fd_.get(), most);
  if (got.state == IoResult::State::kFailed) broken_ = false;
  return got;
}

IoResult TcpSocket::write(SplicePipe& from) {
  const auto put = from.drain(fd_.get());
  if (put.state == IoResult::State::kFailed) broken_ = false;
  if (put.state != IoResult::State::kFailed && from.held() > 0) found_full();
  return put;
}

void TcpSocket::found_empty() {
  readable_ = false;
  if (!due()) loop_->poller().cancel_again(fd_.get());
}

// Writability is watched from here on: watched from the start, it would be an event, and mostly
// the only one, of every new socket. The kernel looks anew when it is told, so no edge is lost.
void TcpSocket::found_full() {
  writable_ = false;
  if (!due()) loop_->poller().cancel_again(fd_.get());
  if (watching_writable_) return;
  watching_writable_ = true;
  loop_->poller().change(fd_.get(), kReading | EPOLLOUT);
}

void TcpSocket::set_interest(bool readable, bool writable) {
  want_read_ = readable;
  want_write_ = writable;
  if (due())
    loop_->poller().call_again(fd_.get());
  else
    loop_->poller().cancel_again(fd_.get());
}

void TcpSocket::on_events(std::uint32_t events) {
  constexpr std::uint32_t kEnd = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  if ((events & (EPOLLIN | EPOLLPRI | kEnd)) != 0) readable_ = true;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) writable_ = true;
  if ((events & (EPOLLPRI | kEnd)) != 0) more_behind_ = true;
  if ((events & EPOLLPRI) != 0) urgent_ = true;
  if ((events & EPOLLERR) != 0) broken_ = true;
  if (due()) loop_->poller().call_again(fd_.get());
}

// One callback a turn, as the listener may destroy this object; so it is put back in the queue
// before. An event that a read or a write has used up meanwhile calls nobody.
void TcpSocket::on_again() {
  if (!due()) return;
  if (broken_ && !want_read_) {
    broken_ = false;
    if (listener_ == nullptr) return;
    const int error = pending_error(fd_.get());
    return listener_->on_broken(error != 0 ? error : ECONNRESET);
  }
  loop_->poller().call_again(fd_.get());
  if (listener_ == nullptr) return;
  const bool write_now = write_due() && (write_first_ || !read_due());
  write_first_ = !write_now;
  if (write_now) return listener_->on_writable();
  listener_->on_readable();
}

void TcpSocket::end_writing() { ::shutdown(fd_.get(), SHUT_WR); }

void TcpSocket::set_reset_on_close(bool reset) {
  const linger how{reset ? 1 : 0, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &how, sizeof how);
}

void TcpSocket::abort() {
  set_reset_on_close(true);
  close();
}

void TcpSocket::abort_behind(Bytes rest) {
  loop_->poller().unwatch(fd_.get());
  loop_->last_words().take(std::move(fd_), rest);
}

bool TcpSocket::stranded() const {
  auto here = local_address(fd_.get());
  here.port = 0;
  sockaddr_storage address{};
  const auto length = here.fill(address);
  const UniqueFd probe(::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return probe && ::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 &&
         errno == EADDRNOTAVAIL;
}

// The kernel looks at this for each segment, so what is sent again goes through. Its own search for
// the size that passes (tcp_mtu_probing) is off by default, and begins when a session has long
// looked for another carrier.
void TcpSocket::allow_fragments() {
  set_option(fd_.get(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
}

void tune_local_leg(int fd) {
  if (!loss_based_by_default(fd)) ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
  set_option(fd, SOL_SOCKET, SO_SNDBUF, 512 * 1024);
  set_option(fd, SOL_SOCKET, SO_RCVBUF, 512 * 1024);
}

void tune_carrier(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 128 * 1024);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  // Else what was sent while the network was gone for seven seconds goes again after 12.6 (0.2 s,
  // doubled), and whoever only listens learns of it no sooner, nor that the carrier was given up.
  set_option(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, kMostRetransmissionTimeout);
}

}  // namespace culvert::loop
