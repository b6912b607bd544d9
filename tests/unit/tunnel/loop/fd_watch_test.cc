#include "tunnel/loop/fd_watch.h"

#include <fcntl.h>

#include <functional>
#include <memory>
#include <optional>

#include "tests/unit/tunnel/loop/socket_pairs.h"

namespace culvert::loop {
namespace {

struct Watched final : FdWatch::Listener {
  Watched(Loop& loop, UniqueFd its_fd) : fd(std::move(its_fd)) {
    watch = std::make_unique<FdWatch>(loop, fd.get(), *this);
  }
  void on_fd_ready(FdWatch&, bool readable, bool writable) override {
    readables += readable ? 1 : 0;
    writables += writable ? 1 : 0;
    if (then) then();
  }
  std::string read() {
    std::string text(64, '\0');
    const auto size = ::recv(fd.get(), text.data(), text.size(), MSG_DONTWAIT);
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
  }
  UniqueFd fd;
  std::unique_ptr<FdWatch> watch;
  std::function<void()> then;
  int readables = 0, writables = 0;
};

TEST(FdWatch, TellsEveryTurnUntilTheDescriptorWasRead) {
  Loop loop;
  auto [near, far] = unix_pair();
  Watched watched(loop, std::move(near));
  watched.watch->start(true, false);
  turn(loop);
  EXPECT_EQ(watched.readables, 0);
  say(far, "a");
  turn(loop, 3);
  EXPECT_GE(watched.readables, 2);
  EXPECT_EQ(watched.read(), "a");
  watched.readables = 0;
  turn(loop);
  EXPECT_EQ(watched.readables, 0);
  EXPECT_EQ(watched.writables, 0);
}

TEST(FdWatch, TellsWhatCameWhileItWasStopped) {
  Loop loop;
  auto [near, far] = unix_pair();
  Watched watched(loop, std::move(near));
  for (int round = 0; round < 3; ++round) {
    watched.readables = 0;
    watched.watch->start(false, false);
    say(far, "a");
    turn(loop);
    EXPECT_EQ(watched.readables, 0);
    watched.watch->start(true, false);
    turn(loop);
    EXPECT_GT(watched.readables, 0);
    EXPECT_EQ(watched.read(), "a");
  }
  watched.watch->start(false, true);
  turn(loop);
  EXPECT_GT(watched.writables, 0);
}

TEST(FdWatch, TellsAHangUpAsReadable) {
  Loop loop;
  auto [near, far] = unix_pair();
  Watched watched(loop, std::move(near));
  watched.watch->start(true, false);
  far.reset();
  turn(loop);
  EXPECT_GT(watched.readables, 0);
}

TEST(FdWatch, MayBeDestroyedInItsOwnCallback) {
  Loop loop;
  auto [near, far] = unix_pair();
  Watched watched(loop, std::move(near));
  watched.then = [&] { watched.watch.reset(); };
  watched.watch->start(true, true);
  say(far, "a");
  turn(loop);
  EXPECT_EQ(watched.readables, 1);
}

TEST(FdWatch, HandsItsDescriptorToTheNextOne) {
  Loop loop;
  auto [near, far] = unix_pair();
  Watched watched(loop, std::move(near));
  watched.watch->start(true, false);
  turn(loop);
  watched.watch = std::make_unique<FdWatch>(loop, watched.fd.get(), watched);
  watched.watch->start(true, false);
  say(far, "a");
  turn(loop, 1);
  EXPECT_EQ(watched.readables, 1);
  watched.watch.reset();
  turn(loop);
  EXPECT_EQ(watched.readables, 1)
      << "an event of a descriptor that nobody watches reached somebody";
}

// Both are ready in one batch; whoever comes first closes the other and opens a new descriptor,
// which gets the same number. The batch still holds an event of that number.
TEST(FdWatch, HearsNothingMeantForTheFormerOwnerOfItsNumber) {
  for (const bool said_goodbye : {true, false}) {
    Loop loop;
    auto [near_a, far_a] = unix_pair();
    auto [near_b, far_b] = unix_pair();
    auto [fresh, far_fresh] = unix_pair();
    Watched a(loop, std::move(near_a)), b(loop, std::move(near_b));
    std::optional<Watched> late;
    const auto replace = [&, &fresh = fresh](Watched& other) {
      if (late) return;
      const int number = other.fd.get();
      if (said_goodbye)
        other.watch->stop_and_close(other.fd);
      else
        other.watch->stop(), other.fd.reset();
      EXPECT_EQ(::fcntl(fresh.get(), F_DUPFD_CLOEXEC, number), number);
      late.emplace(loop, UniqueFd(number));
      late->watch->start(true, false);
    };
    a.then = [&] { replace(b); };
    b.then = [&] { replace(a); };
    a.watch->start(true, false);
    b.watch->start(true, false);
    say(far_a, "a");
    say(far_b, "b");
    turn(loop);
    ASSERT_TRUE(late);
    EXPECT_EQ(late->readables, 0);
    EXPECT_TRUE((a.readables == 0) != (b.readables == 0)) << "the closed one was called";
    say(far_fresh, "c");
    turn(loop);
    EXPECT_GT(late->readables, 0);
    EXPECT_EQ(late->read(), "c");
  }
}

}  // namespace
}  // namespace culvert::loop
