#include "agent/accept_desk.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>

#include "agent/passed_dial.h"
#include "tests/unit/agent/own_namespace.h"
#include "tests/unit/agent/program_lab.h"
#include "tunnel/loop/local_address.h"

namespace culvert::agent::testing {
namespace {

const SocketAddress kCaller{IpAddress::v4(0x7f400305), 0};
const IpAddress kOwn = IpAddress::v4(0x7f400306);
const Asker kStranger{1, 65534};

std::uint64_t cookie_of(const UniqueFd& fd) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  getsockopt(fd.get(), SOL_SOCKET, SO_COOKIE, &cookie, &length);
  return cookie;
}

Asker myself() { return {getpid(), geteuid()}; }

class AcceptDesks : public NeedsOwnNamespace, public PassedDial::Listener {
 protected:
  // Of a program at `at` that takes IPv6 alone: the knock has been let in or not when it returns.
  void call(const char* at) {
    outcome_ = -1;
    dial_.emplace(loop_, kCaller, kOwn, *SocketAddress::parse(at), desk_,
                  static_cast<PassedDial::Listener&>(*this));
    loop_.run();
  }
  UniqueFd take(const UniqueFd& accepted, const Asker& asker = myself()) {
    return desk_.take(loop::peer_address(accepted.get()), cookie_of(accepted), asker);
  }
  void on_passed_dialled(UniqueFd fd, int error) override {
    ours_ = std::move(fd);
    outcome_ = error;
    loop_.stop();
  }

  const bool inside_ =
      enter_own_namespace().empty();  // before the desk, which asks the kernel there
  loop::Loop loop_;
  AcceptDesk desk_{loop_};
  std::optional<PassedDial> dial_;
  UniqueFd ours_;
  int outcome_ = -1;
};

UniqueFd accept_at(const UniqueFd& listener) {
  return UniqueFd(::accept(listener.get(), nullptr, nullptr));
}

TEST_F(AcceptDesks, WhoHasAcceptedTheKnockGetsTheConnectionThatShowsTheCaller) {
  const auto listener = listen_at("[::1]:7000");
  call("[::1]:7000");
  ASSERT_EQ(outcome_, 0);
  const auto accepted = accept_at(listener);
  const auto program = take(accepted);
  ASSERT_TRUE(program);
  EXPECT_EQ(loop::peer_address(program.get()).ip.canonical(), kCaller.ip);
  const auto own = loop::local_address(program.get());
  EXPECT_EQ((SocketAddress{own.ip.canonical(), own.port}), (SocketAddress{kOwn, 7000}));
  ASSERT_EQ(::send(ours_.get(), "hello", 5, 0), 5);
  char text[8];
  EXPECT_EQ(::recv(program.get(), text, sizeof text, 0), 5);
  EXPECT_EQ(desk_.size(), 0u);
  EXPECT_FALSE(take(accepted)) << "twice";
}

TEST_F(AcceptDesks, NobodyElseGetsIt) {
  const auto listener = listen_at("[::1]:7001"), other = listen_at("[::1]:7002");
  call("[::1]:7001");
  const auto accepted = accept_at(listener);
  const auto peer = loop::peer_address(accepted.get());
  EXPECT_FALSE(take(accepted, kStranger)) << "of another user";
  EXPECT_FALSE(desk_.take(peer, cookie_of(listener), myself())) << "with another socket";
  EXPECT_FALSE(desk_.take({peer.ip, 1}, cookie_of(accepted), myself())) << "with another peer";
  Asker shows = kStranger;
  shows.shown = cookie_of(accepted);
  EXPECT_TRUE(take(accepted, shows)) << "who holds the socket may";
}

TEST_F(AcceptDesks, AConnectionThatNobodyAcceptsIsResetWithItsListener) {
  auto listener = listen_at("[::1]:7003");
  call("[::1]:7003");
  ASSERT_EQ(desk_.size(), 1u);
  listener.reset();
  while (desk_.size() != 0) loop_.run_once();
  pollfd look{ours_.get(), POLLIN, 0};
  ASSERT_EQ(poll(&look, 1, 10'000), 1);
  char octet;
  EXPECT_EQ(::recv(ours_.get(), &octet, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(AcceptDesks, AClosedPortRefuses) {
  call("[::1]:7004");
  EXPECT_EQ(outcome_, ECONNREFUSED);
  EXPECT_EQ(desk_.size(), 0u);
}

TEST_F(AcceptDesks, WhoGivesUpLeavesNothingBehind) {
  const auto listener = listen_at("[::1]:7005");
  dial_.emplace(loop_, kCaller, kOwn, *SocketAddress::parse("[::1]:7005"), desk_,
                static_cast<PassedDial::Listener&>(*this));
  while (desk_.size() == 0) loop_.run_once();
  dial_.reset();
  EXPECT_EQ(desk_.size(), 0u);
  EXPECT_EQ(outcome_, -1);
}

TEST_F(AcceptDesks, ManyCallsWaitAtATime) {
  const auto listener = listen_at("[::1]:7006");
  ASSERT_EQ(::listen(listener.get(), 32), 0);
  std::vector<UniqueFd> all;
  for (int i = 0; i < 20; ++i) {
    call("[::1]:7006");
    ASSERT_EQ(outcome_, 0);
    all.push_back(std::move(ours_));
  }
  EXPECT_EQ(desk_.size(), 20u);
  for (const auto& ours : all) {
    const auto accepted = accept_at(listener);
    const auto program = take(accepted);
    ASSERT_TRUE(program);
    EXPECT_EQ(loop::peer_address(program.get()).port, loop::local_address(ours.get()).port);
    EXPECT_EQ(loop::local_address(program.get()).port, 7006);
  }
}

// The program was quicker to accept and to ask than the loop to hear that the knock is let in.
TEST_F(AcceptDesks, AKnockMayBeTakenBeforeItIsKnownToBeLetIn) {
  const auto listener = listen_at("[::1]:7007");
  struct Told final : AcceptDesk::Caller {
    void on_let_in(int error) override { outcome = error; }
    int outcome = -1;
  } told;
  desk_.knock(*SocketAddress::parse("[::1]:7007"),
              UniqueFd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)), told);
  const auto accepted = accept_at(listener);
  EXPECT_TRUE(take(accepted));
  EXPECT_EQ(told.outcome, -1);
  while (told.outcome == -1) loop_.run_once();
  EXPECT_EQ(told.outcome, 0);
  EXPECT_EQ(desk_.size(), 0u);
}

}  // namespace
}  // namespace culvert::agent::testing
