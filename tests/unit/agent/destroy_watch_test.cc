#include "agent/destroy_watch.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <vector>

#include "tests/unit/agent/own_namespace.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent::testing {
namespace {

struct Deaths final : DestroyWatch::Listener, loop::Timer::Listener {
  void on_socket_destroyed(std::uint64_t cookie) override { cookies.push_back(cookie); }
  void on_events_lost() override { FAIL(); }
  void on_timer(loop::Timer&) override { late = true; }
  bool heard_of(std::uint64_t cookie) const {
    return std::find(cookies.begin(), cookies.end(), cookie) != cookies.end();
  }
  std::vector<std::uint64_t> cookies;
  bool late = false;
};

std::uint64_t cookie_of(const UniqueFd& fd) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_COOKIE, &cookie, &length);
  return cookie;
}

// A socket that has tried to connect there; nobody listens.
UniqueFd socket_towards(const char* text) {
  const auto to = *SocketAddress::parse(text);
  UniqueFd fd(::socket(to.ip.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  const auto length = to.fill(address);
  EXPECT_NE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  return fd;
}

UniqueFd listening_socket(int family) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::listen(fd.get(), 1), 0);
  return fd;
}

class DestroyWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!enter_own_namespace().empty()) GTEST_SKIP() << enter_own_namespace();
  }
  // Destroys both, the one that is not to be heard of first; they are told in that order.
  void expect_only_second(const IpPrefix& peers, UniqueFd unheard, UniqueFd heard) {
    loop::Loop loop;
    Deaths deaths;
    DestroyWatch watch(loop, peers, deaths);
    watch.want(true);
    const auto quiet = cookie_of(unheard), told = cookie_of(heard);
    unheard.reset();
    heard.reset();
    loop::Timer limit(loop, deaths);
    limit.start(std::chrono::seconds{10});
    while (!deaths.heard_of(told) && !deaths.late) loop.run_once();
    EXPECT_TRUE(deaths.heard_of(told));
    EXPECT_FALSE(deaths.heard_of(quiet));
  }
};

TEST_F(DestroyWatchTest, HearsOfSocketsTowardsItsPeersAlone) {
  const auto pool = *IpPrefix::parse("127.64.0.0/10");
  expect_only_second(pool, socket_towards("127.0.0.1:9"), socket_towards("127.64.3.5:9"));
}

TEST_F(DestroyWatchTest, HearsOfListenersWhoseForeignAddressIsNone) {
  const IpPrefix none{IpAddress::v4(0), 32};
  expect_only_second(none, socket_towards("127.64.3.5:9"), listening_socket(AF_INET));
  expect_only_second(none, socket_towards("127.64.3.5:9"), listening_socket(AF_INET6));
}

}  // namespace
}  // namespace culvert::agent::testing
