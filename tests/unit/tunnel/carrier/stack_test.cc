// A stack of a real TLS layer over a real socket pair, on a loop.
#include "tunnel/carrier/stack.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/unit/tunnel/carrier/tls_parties.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::carrier {
namespace {

using State = loop::IoResult::State;

// Writes all of `sending`, ends, and reads to the end, by what its pipe tells it.
class Talker final : loop::BytePipe::Listener {
 public:
  Talker(loop::Loop& loop, int fd, std::unique_ptr<Layer> layer, ByteVector sending,
         std::size_t read_size)
      : Talker(loop, std::make_unique<loop::TcpSocket>(loop, UniqueFd(fd)), std::move(layer),
               std::move(sending), read_size) {}
  Talker(loop::Loop& loop, std::unique_ptr<loop::BytePipe> below, std::unique_ptr<Layer> layer,
         ByteVector sending, std::size_t read_size)
      : pipe_(loop, std::move(below), std::move(layer)),
        sending_(std::move(sending)),
        buffer_(read_size) {
    pipe_.set_listener(this);
    pipe_.set_interest(/*readable=*/true, /*writable=*/true);
  }
  Stack& pipe() { return pipe_; }
  void move_to(loop::Loop& loop) {
    pipe_.leave_loop();
    pipe_.enter_loop(loop);
    pipe_.set_listener(this);
    pipe_.set_interest(!heard_end_, !said_end_);
  }
  const ByteVector& got() const { return got_; }
  bool is_done() const { return heard_end_ && said_end_; }
  int error() const { return error_; }

 private:
  void on_readable() override {
    const auto result = pipe_.read(buffer_);
    if (result.state == State::kMoved) append(got_, Bytes{buffer_}.first(result.count));
    if (result.state == State::kFailed) error_ = result.error;
    if (result.state == State::kEnd || result.state == State::kFailed) {
      heard_end_ = true;
      pipe_.set_interest(/*readable=*/false, /*writable=*/!said_end_);
    }
  }
  void on_writable() override {
    const auto rest = Bytes{sending_}.subspan(sent_);
    if (!rest.empty()) {
      const auto result = pipe_.write(rest);
      if (result.state == State::kMoved) sent_ += result.count;
      return;
    }
    said_end_ = true;
    pipe_.end_writing();
    pipe_.set_interest(!heard_end_, /*writable=*/false);
  }
  void on_broken(int error) override {
    error_ = error;
    heard_end_ = true;
  }

  Stack pipe_;
  ByteVector sending_, got_, buffer_;
  std::size_t sent_ = 0;
  bool heard_end_ = false, said_end_ = false;
  int error_ = 0;
};

ByteVector random_bytes(unsigned seed, std::size_t size) {
  std::mt19937 random(seed);
  ByteVector bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

class StackOverTls : public testing::TestWithParam<std::size_t> {};

TEST_P(StackOverTls, CarriesBothDirectionsToTheirEnds) {
  loop::Loop loop;
  TlsParties parties;
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  const auto up = random_bytes(1, 3'000'000), down = random_bytes(2, 1'000'001);
  Talker client(loop, fds[0], std::move(parties.client), up, GetParam());
  Talker server(loop, fds[1], std::move(parties.server), down, GetParam());
  // A lost wake-up would block here for ever, and the test's time limit would tell.
  while (!client.is_done() || !server.is_done()) loop.run_once();
  EXPECT_TRUE(server.got() == up);
  EXPECT_TRUE(client.got() == down);
  EXPECT_EQ(client.error(), 0);
  EXPECT_EQ(server.error(), 0);
}

TEST_P(StackOverTls, CarriesAnotherStack) {
  loop::Loop loop;
  TlsParties outer, inner;
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  const auto below = [&](int fd, std::unique_ptr<Layer> layer) {
    return std::make_unique<Stack>(loop, std::make_unique<loop::TcpSocket>(loop, UniqueFd(fd)),
                                   std::move(layer));
  };
  const auto up = random_bytes(3, 2'000'000), down = random_bytes(4, 1'000'001);
  Talker client(loop, below(fds[0], std::move(outer.client)), std::move(inner.client), up,
                GetParam());
  Talker server(loop, below(fds[1], std::move(outer.server)), std::move(inner.server), down,
                GetParam());
  while (!client.is_done() || !server.is_done()) loop.run_once();
  EXPECT_TRUE(server.got() == up);
  EXPECT_TRUE(client.got() == down);
  EXPECT_EQ(client.error(), 0);
  EXPECT_EQ(server.error(), 0);
}

// Whatever waits in the layers, or in the kernel, when it leaves: nothing may be lost, and nobody
// be left without the event that goes on with it.
TEST_P(StackOverTls, MovesBetweenLoopsInTheMiddleOfBothDirections) {
  loop::Loop one, other;
  TlsParties outer, inner;
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  const auto below = [&](int fd, std::unique_ptr<Layer> layer) {
    return std::make_unique<Stack>(one, std::make_unique<loop::TcpSocket>(one, UniqueFd(fd)),
                                   std::move(layer));
  };
  const auto up = random_bytes(5, 2'000'000), down = random_bytes(6, 1'000'001);
  Talker client(one, below(fds[0], std::move(outer.client)), std::move(inner.client), up,
                GetParam());
  Talker server(one, below(fds[1], std::move(outer.server)), std::move(inner.server), down,
                GetParam());
  EXPECT_FALSE(server.pipe().can_move()) << "before it is established";
  int moves = 0;
  const auto end = loop::Loop::precise_now() + std::chrono::seconds{20};
  while (!client.is_done() || !server.is_done()) {
    ASSERT_LT(loop::Loop::precise_now(), end);
    uv_run(one.uv(), UV_RUN_NOWAIT);
    uv_run(other.uv(), UV_RUN_NOWAIT);
    if (!server.pipe().can_move()) continue;
    server.move_to(moves++ % 2 == 0 ? other : one);
  }
  EXPECT_GT(moves, 3);
  EXPECT_TRUE(server.got() == up);
  EXPECT_TRUE(client.got() == down);
  EXPECT_EQ(client.error(), 0);
  EXPECT_EQ(server.error(), 0);
}

// Smaller than a record, about one, what a session reads at once.
INSTANTIATE_TEST_SUITE_P(ReadSizes, StackOverTls, testing::Values(3000, 20'000, 256 * 1024));

TEST(Stack, TellsWhyItFailed) {
  loop::Loop loop;
  TlsParties parties;
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  Talker client(loop, fds[0], std::move(parties.client), {}, 1000);
  const UniqueFd other(fds[1]);
  ASSERT_EQ(send(other.get(), "SSH-2.0-x\r\n", 11, 0), 11);
  while (client.error() == 0) loop.run_once();
  ASSERT_NE(client.pipe().failure(), nullptr);
  EXPECT_NE(client.pipe().failure()->detail.find("SSH-2.0-x"), std::string::npos);
}

}  // namespace
}  // namespace culvert::carrier
