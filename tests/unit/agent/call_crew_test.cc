#include "agent/call_crew.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <set>
#include <thread>

#include "agent/call_filter.h"

namespace culvert::agent {
namespace {

constexpr std::array kChosen{ChosenCall{.number = SYS_getppid}, ChosenCall{.number = SYS_getpgid},
                             ChosenCall{.number = SYS_io_uring_setup, .refused_with = ENOSYS}};

// A process whose getppid() and getpgid() wait for a crew in this one.
class CallCrewTest : public ::testing::Test {
 protected:
  void TearDown() override {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

  // `run`: in the process. Its exit status once everything is over.
  template <class Run>
  void start(Run run) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      const auto filter = install_call_filter(kChosen, InterruptedBy::kAny);
      const int number = filter ? filter->get() : -1;
      if (::write(ends[1], &number, sizeof number) != sizeof number) ::_exit(99);
      char fetched = 0;
      if (::read(ends[1], &fetched, 1) != 1) ::_exit(99);
      ::_exit(run());
    }
    int number = -1;
    ASSERT_EQ(::read(ends[0], &number, sizeof number), sizeof number);
    const UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, child_, 0)));
    supervisor_.reset(static_cast<int>(::syscall(SYS_pidfd_getfd, handle.get(), number, 0)));
    ASSERT_EQ(::write(ends[0], "x", 1), 1);
    ::close(ends[0]);
    ::close(ends[1]);
    if (!supervisor_) GTEST_SKIP() << "calls cannot be watched here";
  }

  int exit_status() {
    int status = -1;
    ::waitpid(std::exchange(child_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  // Kept for ever: its threads wait.
  void serve(CallCrew::Decide decide) {
    static std::vector<CallCrew*> kept;
    kept.push_back(new CallCrew(supervisor_.get(), std::move(decide)));
    kept.back()->run();
    (void)supervisor_.release();
  }

  pid_t child_ = 0;
  UniqueFd supervisor_;
};

TEST_F(CallCrewTest, CallsThatAreDecidedAtOnceComeToOneThread) {
  start([] {
    int wrong = 0;
    for (int i = 0; i < 50; ++i) wrong += ::syscall(SYS_getppid) != 4711;
    return wrong;
  });
  if (IsSkipped()) return;
  std::set<std::thread::id> threads;
  serve([&](const NotifiedCall& call, CallCrew::Turn&) {
    threads.insert(std::this_thread::get_id());
    call.answer(4711);
  });
  EXPECT_EQ(exit_status(), 0);
  EXPECT_EQ(threads.size(), 1u);
}

TEST_F(CallCrewTest, CallsThatTakeLongKeepNobodyWaiting) {
  constexpr int kLong = 20;
  start([] {
    std::array<std::thread, kLong> threads;
    std::atomic<int> wrong = 0;
    for (auto& one : threads)
      one = std::thread([&] { wrong += ::syscall(SYS_getpgid, 0) != 4711; });
    for (auto& one : threads) one.join();
    return wrong.load();
  });
  if (IsSkipped()) return;
  std::atomic<int> waiting = 0;  // each of them until all are there
  serve([&](const NotifiedCall& call, CallCrew::Turn& turn) {
    turn.may_take_long();
    turn.may_take_long();
    for (++waiting; waiting < kLong && call.waits();) std::this_thread::yield();
    call.answer(4711);
  });
  EXPECT_EQ(exit_status(), 0);
  EXPECT_EQ(waiting, kLong);
}

TEST_F(CallCrewTest, TheCrewIsDismissedWhileACallWaitsWhoseProgramWasKilled) {
  start([] { return static_cast<int>(::syscall(SYS_getpgid, 0)); });
  if (IsSkipped()) return;
  static std::atomic<bool> over;
  over = false;
  serve([this](const NotifiedCall&, CallCrew::Turn& turn) {
    turn.may_take_long();
    ::kill(child_, SIGKILL);
    while (!over) std::this_thread::yield();
  });
  over = true;
  EXPECT_EQ(exit_status(), -1);
}

TEST_F(CallCrewTest, ARefusedCallWaitsForNobody) {
  start([] {
    const auto result = ::syscall(SYS_io_uring_setup, 1, nullptr);
    return result == -1 && errno == ENOSYS ? 0 : 1;
  });
  if (IsSkipped()) return;
  bool asked = false;
  serve([&](const NotifiedCall& call, CallCrew::Turn&) {
    asked = true;
    call.let_run();
  });
  EXPECT_EQ(exit_status(), 0);
  EXPECT_FALSE(asked);
}

}  // namespace
}  // namespace culvert::agent
