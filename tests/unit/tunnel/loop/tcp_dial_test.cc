#include "tunnel/loop/tcp_dial.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <string_view>

#include "tunnel/loop/local_address.h"

namespace culvert::loop {
namespace {

constexpr std::string_view kGreeting = "421 too many connections";

struct Dialling final : TcpDial::Listener {
  Dialling(Loop& l, const SocketAddress& to)
      : loop(l), dial(l, to, std::chrono::seconds{10}, static_cast<TcpDial::Listener&>(*this)) {}
  void on_dialled(TcpDial&, UniqueFd connected, int why) override {
    fd = std::move(connected);
    error = why;
    loop.stop();
  }
  Loop& loop;
  UniqueFd fd;
  int error = -1;
  TcpDial dial;
};

TEST(TcpDialAtOnce, ConnectsToWhoResetsItAndReadsWhatWasSaidBefore) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  const auto length = SocketAddress{IpAddress::v4(INADDR_LOOPBACK), 0}.fill(address);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  Loop loop;
  Dialling dialling(loop, local_address(listener.get()));
  UniqueFd called(::accept(listener.get(), nullptr, nullptr));
  ASSERT_TRUE(called);
  ASSERT_GT(::send(called.get(), kGreeting.data(), kGreeting.size(), 0), 0);
  const linger now{1, 0};
  setsockopt(called.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  called.reset();  // before the dial's loop has run at all
  loop.run();
  EXPECT_EQ(dialling.error, 0);
  ASSERT_TRUE(dialling.fd);
  char text[64];
  const auto size = ::recv(dialling.fd.get(), &text[0], sizeof text, 0);
  ASSERT_GT(size, 0);
  EXPECT_EQ(std::string_view(&text[0], static_cast<std::size_t>(size)), kGreeting);
  EXPECT_EQ(::recv(dialling.fd.get(), &text[0], sizeof text, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

}  // namespace
}  // namespace culvert::loop
