#include "tunnel/loop/udp_socket.h"

#include <gtest/gtest.h>
#include <netinet/udp.h>

#include <cerrno>

#include "tunnel/loop/timer.h"

namespace culvert::loop {
namespace {

struct Bound {
  explicit Bound(UniqueFd socket) : fd(std::move(socket)) {
    sockaddr_storage at{};
    auto length = SocketAddress{IpAddress::v4(INADDR_LOOPBACK), 0}.fill(at);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &length);
    address = SocketAddress::from(reinterpret_cast<sockaddr*>(&at));
  }
  UniqueFd fd;
  SocketAddress address;
};

struct Receiver final : UdpSocket::Listener, Timer::Listener {
  void on_received(UdpSocket&, const SocketAddress& from, Bytes data,
                   std::size_t segment) override {
    last_from = from;
    ++calls;
    for_each_datagram(data, segment, [&](Bytes one) {
      got.emplace_back(one.begin(), one.end());
      if (got.size() == destroy_at) socket.reset();
    });
  }
  void on_receive_failed(UdpSocket&, int error) override { failed = error; }
  void on_batch_ended(UdpSocket&) override { ++batches; }
  void on_timer(Timer&) override {}

  template <class Condition>
  bool until(Loop& loop, Condition condition) {
    Timer tick(loop, *this);
    for (int i = 0; i < 500 && !condition(); ++i) {
      tick.start(std::chrono::milliseconds{20});
      loop.run_once();
    }
    return condition();
  }

  std::optional<UdpSocket> socket;
  std::vector<ByteVector> got;
  SocketAddress last_from;
  std::size_t calls = 0, batches = 0, destroy_at = 0;
  int failed = 0;
};

ByteVector octets(std::size_t size, int seed) {
  ByteVector out(size);
  for (std::size_t i = 0; i < size; ++i)
    out[i] = static_cast<std::byte>(i + static_cast<std::size_t>(seed));
  return out;
}

class UdpSocketTest : public testing::Test {
 protected:
  UdpSocketTest() : at_(make_udp_socket(AF_INET)), to_(at_.address) {
    receiver_.socket.emplace(loop_, std::move(at_.fd), receiver_);
  }
  Loop loop_;
  Bound at_;
  SocketAddress to_;
  Receiver receiver_;
};

TEST_F(UdpSocketTest, BringsDatagramsOfAllSizesAsTheyWereSent) {
  Bound from(make_udp_socket(AF_INET));
  std::vector<ByteVector> sent;
  for (const std::size_t size : {5u, 5u, 5u, 3u, 0u, 0u, 1200u, 1200u, 7u, 9u, 60'000u})
    sent.push_back(octets(size, static_cast<int>(sent.size())));
  UdpWriter writer(from.fd.get(), &to_);
  for (const auto& one : sent) writer.add(one);
  writer.flush();
  EXPECT_EQ(writer.error(), 0);
  ASSERT_TRUE(receiver_.until(loop_, [&] { return receiver_.got.size() == sent.size(); }));
  EXPECT_EQ(receiver_.got, sent);
  EXPECT_EQ(receiver_.last_from, from.address);
}

TEST_F(UdpSocketTest, ARunOfOneSizeComesInOnePiece) {
  Bound from(make_udp_socket(AF_INET));
  const auto one = octets(1200, 1);
  UdpWriter writer(from.fd.get(), &to_);
  for (int i = 0; i < 40; ++i) writer.add(one);
  writer.flush();
  ASSERT_TRUE(receiver_.until(loop_, [&] { return receiver_.got.size() == 40; }));
  EXPECT_LT(receiver_.calls, 40u) << "UDP_SEGMENT and UDP_GRO";
  EXPECT_GE(receiver_.batches, 1u);
}

TEST_F(UdpSocketTest, MayBeDestroyedWhileItTells) {
  receiver_.destroy_at = 2;
  Bound from(make_udp_socket(AF_INET));
  std::vector<ByteVector> sent;
  for (int i = 0; i < 5; ++i) sent.push_back(octets(static_cast<std::size_t>(10 + i), i));
  UdpWriter writer(from.fd.get(), &to_);
  for (const auto& one : sent) writer.add(one);
  writer.flush();
  ASSERT_TRUE(receiver_.until(loop_, [&] { return !receiver_.socket; }));
  EXPECT_EQ(receiver_.batches, 0u);
}

TEST_F(UdpSocketTest, ARefusalReachesAConnectedSocket) {
  Receiver asker;
  Bound from(make_udp_socket(AF_INET));
  {
    const Bound gone(make_udp_socket(AF_INET));
    sockaddr_storage to{};
    const auto length = gone.address.fill(to);
    ASSERT_EQ(::connect(from.fd.get(), reinterpret_cast<sockaddr*>(&to), length), 0);
  }
  asker.socket.emplace(loop_, std::move(from.fd), asker);
  UdpWriter writer(asker.socket->fd(), nullptr);
  const auto one = octets(3, 0);
  writer.add(one);
  writer.flush();
  EXPECT_TRUE(asker.until(loop_, [&] { return asker.failed == ECONNREFUSED; }));
}

}  // namespace
}  // namespace culvert::loop
