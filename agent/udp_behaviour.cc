#include "agent/udp_behaviour.h"

#include <sys/socket.h>

#include <algorithm>

#include "tunnel/base/log.h"

namespace culvert::agent {

void UdpBehaviour::begin(const SocketAddress& server) {
  result_.reset();
  test_.reset();
  socket_.reset();
  auto fd = loop::make_udp_socket(server.ip.is_v4() ? AF_INET : AF_INET6);
  if (!fd) return;
  socket_.emplace(self_.loop, std::move(fd), static_cast<loop::UdpSocket::Listener&>(*this));
  test_.emplace(server, self_.random);
  timer_.start(Duration::zero());
}

void UdpBehaviour::on_received(loop::UdpSocket&, const SocketAddress& from, Bytes data,
                               std::size_t segment) {
  if (!test_) return;
  loop::for_each_datagram(data, segment,
                          [&](Bytes one) { test_->receive(one, from, self_.loop.now()); });
  timer_.start(Duration::zero());
}

void UdpBehaviour::on_timer(loop::Timer&) {
  if (!test_) return;
  while (const auto one = test_->next(self_.loop.now())) {
    loop::UdpWriter writer(socket_->fd(), &one->to);
    writer.add(one->message);
  }
  if (const auto due = test_->next_deadline())
    return timer_.start(std::max(*due - self_.loop.now(), Duration::zero()));
  result_ = test_->result();
  test_.reset();
  socket_.reset();
  log::info("udp", {{"event", "behaviour"},
                    {"passes", result_->udp ? "yes" : "no"},
                    {"mapping", to_string(result_->mapping)},
                    {"filtering", to_string(result_->filtering)}});
}

}  // namespace culvert::agent
