#include "agent/inbound_dial.h"

#include <sys/socket.h>

#include <cassert>
#include <cerrno>
#include <cstring>

#include "tunnel/loop/tcp_socket.h"

namespace culvert::agent {

std::optional<SocketAddress> inbound_target(const SocketAddress& bound, const IpAddress& own) {
  const auto ip = bound.ip.canonical();
  // [::] takes IPv4 too, unless the program set IPV6_V6ONLY: then the dial is refused.
  if (ip.is_unspecified()) return SocketAddress{own, bound.port};
  if (!ip.is_v4()) return std::nullopt;
  return SocketAddress{ip, bound.port};
}

InboundDial::InboundDial(loop::Loop& loop, const SocketAddress& caller, const IpAddress& own,
                         const InboundTarget& to, AcceptDesk& desk, Listener& listener)
    : loop_(loop),
      listener_(listener),
      stand_in_(to.stand_in),
      own_(own),
      refusal_(ECONNREFUSED),
      timer_(loop, *this) {
  assert(caller.ip.is_v4() && caller.ip != IpAddress::v4(INADDR_LOOPBACK));
  if (to.passed) {
    passed_.emplace(loop, caller, own, to.bound, desk, static_cast<PassedDial::Listener&>(*this));
    return;
  }
  const auto target = inbound_target(stand_in_ ? stand_in_->at : to.bound, own);
  if (!target) {
    timer_.start(Duration::zero());
    return;
  }
  dial_.emplace(loop_, *target, kLimit, static_cast<loop::TcpDial::Listener&>(*this), caller,
                loop::TcpDial::FastOpen::kNo, loop::TcpDial::Port::kIfFree);
}

void InboundDial::on_dialled(loop::TcpDial&, UniqueFd fd, int error) {
  if (fd) loop::tune_local_leg(fd.get());
  if (!fd || !stand_in_) return listener_.on_inbound_dialled(*this, std::move(fd), error);
  called_ = std::move(fd);
  if (!call()) return end(ECONNREFUSED);
  watch_.emplace(loop_, called_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
  refusal_ = ETIMEDOUT;
  timer_.start(kLimit);
}

void InboundDial::on_passed_dialled(UniqueFd fd, int error) {
  if (fd) loop::tune_local_leg(fd.get());
  listener_.on_inbound_dialled(*this, std::move(fd), error);
}

bool InboundDial::call() {
  const auto call = make_stand_in_call(stand_in_->token, own_);
  return ::send(called_.get(), call.data(), call.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(call.size());  // a fresh connection takes it whole
}

void InboundDial::on_fd_ready(loop::FdWatch&, bool, bool) {
  std::uint8_t answer = 0;
  const auto size = ::recv(called_.get(), &answer, 1, 0);
  if (size < 0 && errno == EAGAIN) return;
  end(size == 1 ? answer : ECONNREFUSED);  // no answer: it has just ended
}

void InboundDial::on_timer(loop::Timer&) { end(refusal_); }

void InboundDial::end(int error) {
  watch_.reset();
  timer_.stop();
  if (error != 0) called_.reset();
  listener_.on_inbound_dialled(*this, std::move(called_), error);
}

}  // namespace culvert::agent
