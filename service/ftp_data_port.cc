#include "service/ftp_data_port.h"

#include <span>

#include "tunnel/loop/tcp_socket.h"

namespace culvert::service {
namespace {

constexpr int kMostTries = 64;  // ports of the range

}  // namespace

FtpDataPort::FtpDataPort(loop::Loop& loop, const IpAddress& from, Listener& listener)
    : Deferred(loop), loop_(loop), from_(from.canonical()), listener_(listener) {}

std::optional<std::uint16_t> FtpDataPort::open(const Range& ports, Random& random) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    std::uint16_t chance = 0;
    random.fill(std::as_writable_bytes(std::span{&chance, 1}));
    const auto port = ports.first + chance % (ports.last - ports.first + 1);
    socket_.emplace(loop_, static_cast<loop::TcpListener::Listener&>(*this));
    if (socket_->listen({ports.ip, static_cast<std::uint16_t>(port)}))
      return socket_->address().port;
  }
  socket_.reset();
  return std::nullopt;
}

// It is the listener that calls: it is closed later.
void FtpDataPort::on_accepted(UniqueFd fd, const SocketAddress& peer) {
  if (data_ != nullptr || peer.ip.canonical() != from_) return;
  loop::tune_carrier(fd.get());
  data_ = std::make_unique<loop::TcpSocket>(loop_, std::move(fd));
  schedule();
}

void FtpDataPort::run_deferred() {
  socket_.reset();
  listener_.on_data(std::move(data_));
}

}  // namespace culvert::service
