// tests/unit/service/echo_server.h: an ordinary host that echoes what one client at a time sends.
#pragma once
#include <gtest/gtest.h>

#include <optional>

#include "tunnel/loop/tcp_listener.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::service {

// Echoes what one client sends.
class EchoServer final : private loop::TcpListener::Listener, private loop::BytePipe::Listener {
 public:
  EchoServer(loop::Loop& loop, const std::string& at) : loop_(loop), listener_(loop, *this) {
    EXPECT_TRUE(listener_.listen({*IpAddress::parse(at), 0}));
  }
  std::uint16_t port() const { return listener_.address().port; }
  bool connected() const { return socket_.has_value(); }
  int accepted = 0;
  int broken_by = 0;  // errno value, of the last connection

 private:
  void on_accepted(UniqueFd fd, const SocketAddress&) override {
    ++accepted;
    socket_.emplace(loop_, std::move(fd));
    socket_->set_listener(this);
    socket_->set_interest(/*readable=*/true, /*writable=*/false);
  }
  void on_readable() override {
    std::byte buffer[4096];
    const auto got = socket_->read(buffer);
    if (got.state == loop::IoResult::State::kMoved)
      socket_->write(Bytes{buffer}.first(got.count));
    else
      on_broken(got.error);
  }
  void on_writable() override {}
  void on_broken(int error) override {
    broken_by = error;
    socket_.reset();
  }

  loop::Loop& loop_;
  loop::TcpListener listener_;
  std::optional<loop::TcpSocket> socket_;
};

}  // namespace culvert::service
