#include "tunnel/loop/split_pipe.h"

#include <fcntl.h>

#include <cerrno>
#include <random>

#include "socket_pairs.h"
#include "tunnel/base/bytes.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::loop {
namespace {

class SplitPipeTest : public testing::Test, private BytePipe::Listener {
 protected:
  SplitPipeTest() {
    const auto socket = [&](UniqueFd fd) {
      fcntl(fd.get(), F_SETFL, O_NONBLOCK);
      return std::make_unique<TcpSocket>(loop_, std::move(fd));
    };
    pipe_ = std::make_unique<SplitPipe>(socket(std::move(in_.near)), socket(std::move(out_.near)));
    listen();
  }
  void listen() {
    pipe_->set_listener(this);
    pipe_->set_interest(true, false);
  }
  template <class Done>
  bool until(Done done) {
    for (int turns = 0; turns < 200 && !done(); ++turns) loop_.run_once();
    return done();
  }

  Loop loop_;
  Pair in_ = tcp_pair(), out_ = tcp_pair();
  std::unique_ptr<SplitPipe> pipe_;
  std::string heard_;
  bool ended_ = false;
  int broken_ = 0;

 private:
  void on_readable() override {
    std::byte buffer[4096];
    const auto got = pipe_->read(buffer);
    if (got.state == IoResult::State::kMoved) heard_ += as_text(Bytes{buffer}.first(got.count));
    if (got.state != IoResult::State::kEnd) return;
    ended_ = true;
    pipe_->set_interest(false, true);
  }
  void on_writable() override { pipe_->set_interest(!ended_, false); }
  void on_broken(int error) override { broken_ = error; }
};

TEST_F(SplitPipeTest, ReadsFromOneAndWritesToTheOther) {
  say(in_.far, "hello");
  EXPECT_TRUE(until([&] { return heard_ == "hello"; }));
  EXPECT_EQ(pipe_->write(as_bytes(std::string_view("answer"))).count, 6u);
  char buffer[16];
  EXPECT_EQ(::recv(out_.far.get(), buffer, sizeof buffer, 0), 6);
  EXPECT_EQ(::recv(in_.far.get(), buffer, sizeof buffer, MSG_DONTWAIT), -1);
}

TEST_F(SplitPipeTest, EndsEachDirectionByItself) {
  ::shutdown(in_.far.get(), SHUT_WR);
  EXPECT_TRUE(until([&] { return ended_; }));
  EXPECT_EQ(pipe_->write(as_bytes(std::string_view("on"))).count, 2u);
  pipe_->end_writing();
  char buffer[16];
  EXPECT_EQ(::recv(out_.far.get(), buffer, sizeof buffer, 0), 2);
  EXPECT_EQ(::recv(out_.far.get(), buffer, sizeof buffer, 0), 0);
  EXPECT_EQ(broken_, 0);
}

// An FTP proxy that gives up a file that goes up ends its connection, and that is all of it.
TEST_F(SplitPipeTest, HearsThatNobodyReadsWhatIsWritten) {
  out_.far.reset();
  EXPECT_TRUE(until([&] { return broken_ != 0; }));
}

TEST_F(SplitPipeTest, TakesNothingFromTheOneThatIsWrittenTo) {
  say(out_.far, "from nowhere");
  EXPECT_TRUE(until([&] { return broken_ == EPROTO; }));
  EXPECT_EQ(heard_, "");
}

// Pieces of any size, both ways at once, and more than the sockets' buffers have.
TEST_F(SplitPipeTest, CarriesBothDirectionsAtOnceHoweverTheyAreCut) {
  std::mt19937 random(7);
  std::string sent, wrote, arrived;
  constexpr std::size_t kAll = 9u << 20;
  std::size_t written = 0;
  for (std::size_t i = 0; i < kAll; ++i) wrote += static_cast<char>(i * 31 + (i >> 9));
  const std::string said = wrote;
  while (heard_.size() < kAll || arrived.size() < kAll) {
    char buffer[1 << 16];
    const auto cut = [&](std::size_t left) {
      return std::min<std::size_t>(left, random() % (1 << 16) + 1);
    };
    const auto put = ::send(in_.far.get(), said.data() + sent.size(), cut(kAll - sent.size()),
                            MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put > 0) sent.append(said, sent.size(), static_cast<std::size_t>(put));
    if (written < kAll) {
      const auto moved =
          pipe_->write(as_bytes(std::string_view(wrote).substr(written, cut(kAll - written))));
      ASSERT_NE(moved.state, IoResult::State::kFailed);
      written += moved.count;
    }
    const auto got = ::recv(out_.far.get(), buffer, cut(sizeof buffer), MSG_DONTWAIT);
    if (got > 0) arrived.append(buffer, static_cast<std::size_t>(got));
    turn(loop_);
  }
  EXPECT_TRUE(heard_ == said);
  EXPECT_TRUE(arrived == wrote);
  EXPECT_EQ(broken_, 0);
}

TEST_F(SplitPipeTest, GoesOnInTheLoopOfAnotherThread) {
  ASSERT_TRUE(pipe_->can_move());
  pipe_->set_listener(nullptr);
  pipe_->leave_loop();
  Loop other;
  pipe_->enter_loop(other);
  listen();
  say(in_.far, "there");
  turn(other);
  EXPECT_EQ(heard_, "there");
  out_.far.reset();
  turn(other);
  EXPECT_NE(broken_, 0);
  pipe_.reset();
}

}  // namespace
}  // namespace culvert::loop
