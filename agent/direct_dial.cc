#include "agent/direct_dial.h"

#include <cerrno>

#include "tunnel/loop/tcp_socket.h"

namespace culvert::agent {

DirectDial::DirectDial(loop::Loop& loop, const punch::Dial& dial, std::uint16_t own_port,
                       Listener& listener)
    : loop_(loop),
      what_(dial),
      listener_(listener),
      until_(loop.now() + (dial.punch ? kPunchLimit : kLimit)) {
  const auto any = dial.to.ip.is_v4() ? IpAddress::v4(0) : IpAddress::v6({});
  if (dial.punch && own_port != 0) from_ = SocketAddress{dial.from.value_or(any), own_port};
  start();
}

void DirectDial::start() {
  ++tries_;
  dial_.emplace(loop_, what_.to, until_ - loop_.now(), static_cast<loop::TcpDial::Listener&>(*this),
                from_);
}

void DirectDial::on_dialled(loop::TcpDial&, UniqueFd fd, int error) {
  const bool again = what_.punch && (error == ECONNREFUSED || error == ECONNRESET);
  if (again && tries_ < kPunchTries && loop_.now() < until_) return start();
  if (error != 0) return listener_.on_direct_dialled(*this, nullptr);
  loop::tune_carrier(fd.get());
  listener_.on_direct_dialled(*this, std::make_unique<loop::TcpSocket>(loop_, std::move(fd)));
}

}  // namespace culvert::agent
