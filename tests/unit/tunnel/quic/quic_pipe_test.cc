#include "tunnel/quic/quic_pipe.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <random>

#include "tunnel/quic/udp_channel.h"

namespace culvert::quic {
namespace {

using loop::IoResult;
using loop::Loop;

UniqueFd bound() {
  auto fd = loop::make_udp_socket(AF_INET);
  sockaddr_storage at{};
  const auto length = SocketAddress{IpAddress::v4(INADDR_LOOPBACK), 0}.fill(at);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
  return fd;
}

void connect(const UniqueFd& fd, const UniqueFd& to) {
  sockaddr_storage at{};
  socklen_t length = sizeof at;
  ::getsockname(to.get(), reinterpret_cast<sockaddr*>(&at), &length);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
}

// Takes few datagrams at a time, as a socket does whose buffer is full, and loses some.
class NarrowChannel final : public DatagramChannel, private loop::Deferred {
 public:
  NarrowChannel(Loop& loop, std::unique_ptr<DatagramChannel> below)
      : Deferred(loop), below_(std::move(below)) {}
  void set_listener(Listener* listener) override {
    listener_ = listener;
    below_->set_listener(listener);
  }
  std::size_t send(std::span<const Bytes> datagrams) override {
    const auto count = std::min<std::size_t>(datagrams.size(), 3);
    for (const auto& one : datagrams.first(count))
      if (++sent_ % 50 != 0) below_->send(std::span{&one, 1});
    if (count < datagrams.size()) schedule();
    return count;
  }

 private:
  void run_deferred() override {
    if (listener_ != nullptr) listener_->on_channel_writable();
  }
  std::unique_ptr<DatagramChannel> below_;
  Listener* listener_ = nullptr;
  std::size_t sent_ = 0;
};

// One end: sends `count` numbered octets and the end, reads until the end of the other.
struct End final : loop::BytePipe::Listener {
  void begin(std::unique_ptr<QuicPipe> with, std::size_t octets) {
    pipe = std::move(with);
    count = octets;
    pipe->set_listener(this);
    pipe->set_interest(true, true);
  }
  void on_readable() override {
    ByteVector room(10'000);
    const auto got = pipe->read(room);
    if (got.state == IoResult::State::kMoved)
      for (std::size_t i = 0; i < got.count; ++i)
        if (room[i] != static_cast<std::byte>((read + i) * 31 >> 5)) ++wrong;
    if (got.state == IoResult::State::kMoved) read += got.count;
    if (got.state == IoResult::State::kEnd) ended = true;
    if (got.state == IoResult::State::kFailed) error = got.error;
    if (ended || error != 0) pipe->set_interest(false, written < count);
    if (read >= destroy_at) pipe.reset();
  }
  void on_writable() override {
    ByteVector data(std::min<std::size_t>(count - written, 30'000));
    for (std::size_t i = 0; i < data.size(); ++i)
      data[i] = static_cast<std::byte>((written + i) * 31 >> 5);
    const auto put = pipe->write(data);
    if (put.state == IoResult::State::kMoved) written += put.count;
    if (put.state == IoResult::State::kFailed) error = put.error;
    if (written < count && error == 0) return;
    if (error == 0) pipe->end_writing();
    pipe->set_interest(!ended, false);
  }
  void on_broken(int why) override { error = why; }

  std::unique_ptr<QuicPipe> pipe;
  std::size_t count = 0, written = 0, read = 0, wrong = 0, destroy_at = SIZE_MAX;
  bool ended = false;
  int error = 0;
};

class QuicPipeTest : public testing::Test, private loop::Timer::Listener {
 protected:
  QuicPipeTest() {
    random_.fill(settings_.key.edit());
    settings_.random = &random_;
  }
  void begin(std::size_t up, std::size_t down, bool narrow) {
    auto near = bound(), far = bound();
    connect(near, far);
    connect(far, near);
    settings_.role = Connection::Role::kClient;
    client_.begin(make(std::move(near), narrow), up);
    settings_.role = Connection::Role::kServer;
    server_.begin(make(std::move(far), narrow), down);
  }
  std::unique_ptr<QuicPipe> make(UniqueFd fd, bool narrow) {
    std::unique_ptr<DatagramChannel> channel = std::make_unique<UdpChannel>(loop_, std::move(fd));
    if (narrow) channel = std::make_unique<NarrowChannel>(loop_, std::move(channel));
    return *QuicPipe::make(loop_, settings_, std::move(channel));
  }
  template <class Condition>
  bool until(Condition condition) {
    loop::Timer tick(loop_, *this);
    for (int i = 0; i < 3000 && !condition(); ++i) {
      tick.start(std::chrono::milliseconds{10});
      loop_.run_once();
    }
    return condition();
  }
  void on_timer(loop::Timer&) override {}

  Loop loop_;
  SystemRandom random_;
  Connection::Settings settings_;
  End client_, server_;
};

TEST_F(QuicPipeTest, CarriesEveryOctetAndBothEndsOverRealSockets) {
  begin(5'000'000, 3'000'000, /*narrow=*/false);
  ASSERT_TRUE(until([&] { return client_.ended && server_.ended; }))
      << server_.read << " and " << client_.read << " octets, errors " << client_.error << " and "
      << server_.error;
  EXPECT_EQ(server_.read, 5'000'000u);
  EXPECT_EQ(client_.read, 3'000'000u);
  EXPECT_EQ(server_.wrong + client_.wrong, 0u);
}

TEST_F(QuicPipeTest, AChannelThatTakesLittleAndLosesSomeCostsTimeAlone) {
  begin(500'000, 500'000, /*narrow=*/true);
  ASSERT_TRUE(until([&] { return client_.ended && server_.ended; }))
      << server_.read << " and " << client_.read << " octets";
  EXPECT_EQ(server_.read + client_.read, 1'000'000u);
  EXPECT_EQ(server_.wrong + client_.wrong, 0u);
}

TEST_F(QuicPipeTest, TheOwnerMayDestroyThePipeWhileItReadsAndThePeerHearsOfIt) {
  server_.destroy_at = 100'000;
  begin(5'000'000, 0, /*narrow=*/false);
  ASSERT_TRUE(until([&] { return client_.error != 0; }));
  EXPECT_EQ(client_.error, ECONNRESET);
  EXPECT_EQ(server_.pipe, nullptr);
}

TEST_F(QuicPipeTest, WhatWasWrittenBeforeThePipeIsDestroyedIsStillSent) {
  begin(1, 1'000'000, /*narrow=*/false);
  ASSERT_TRUE(until([&] { return client_.read > 0; }));
  const auto before = server_.written;
  const ByteVector last(1000);
  server_.pipe->set_interest(false, false);
  ASSERT_TRUE(until([&] { return client_.read == server_.written; }));
  ASSERT_EQ(server_.pipe->write(last).count, last.size());
  server_.pipe.reset();
  ASSERT_TRUE(until([&] { return client_.error != 0; }));
  EXPECT_GE(server_.written, before);
  EXPECT_EQ(client_.read, server_.written + last.size());
}

}  // namespace
}  // namespace culvert::quic
