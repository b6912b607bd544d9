// What programs see of a held connect, in each way of waiting, compared with what they see
// natively.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <poll.h>

#include <cerrno>
#include <set>
#include <thread>

#include "tests/unit/agent/monitors.h"
#include "tests/unit/agent/own_namespace.h"
#include "tests/unit/agent/program_lab.h"

namespace culvert::agent::testing {
namespace {

constexpr int kNotBefore = 40;  // ms: no event in this time
constexpr int kAtLast = 3000;   // ms: an event within this time
const IpAddress kVirtual = IpAddress::v4(0x7f400305);

SocketAddress at_port(std::uint16_t port) { return {kVirtual, port}; }

int socket_error(int fd) {
  int error = -1;
  socklen_t length = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

SocketAddress peer_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  return SocketAddress::from(reinterpret_cast<sockaddr*>(&address));
}

// What the monitor shows for a connect to a closed port of this machine, without Culvert.
std::optional<int> native_refusal(const std::string& name) {
  const auto monitor = make_monitor(name);
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  monitor->before_connect(fd.get());
  sockaddr_storage address{};
  const auto length = SocketAddress{IpAddress::v4(INADDR_LOOPBACK), 1}.fill(address);
  (void)::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length);
  monitor->after_connect(fd.get());
  return monitor->wait(kAtLast);
}

// Parameters: with CAP_NET_RAW?, monitor.
class ConnectOutcome : public ::testing::TestWithParam<std::tuple<bool, std::string>> {
 protected:
  void SetUp() override {
    if (!enter_own_namespace().empty()) GTEST_SKIP() << enter_own_namespace();
    if (!make_monitor(monitor_name())) GTEST_SKIP() << "this kernel has no " << monitor_name();
    without_.emplace(raw() ? -1 : CAP_NET_RAW);
  }
  static bool raw() { return std::get<0>(GetParam()); }
  static const std::string& monitor_name() { return std::get<1>(GetParam()); }

  struct Seen {
    Connecting connecting;
    std::optional<int> early, mask;
  };
  static Seen watch(ProgramLab& lab, std::uint16_t port) {
    const auto monitor = make_monitor(monitor_name());
    Seen seen;
    seen.connecting = lab.connect(at_port(port), [&](int fd) { monitor->before_connect(fd); });
    monitor->after_connect(seen.connecting.fd.get());
    seen.early = monitor->wait(kNotBefore);
    lab.release();
    seen.mask = monitor->wait(kAtLast);
    return seen;
  }

  std::optional<WithoutCapability> without_;
};

TEST_P(ConnectOutcome, IsSuccessWhenTheCoreCompletes) {
  ProgramLab lab({});
  EXPECT_EQ(lab.gate().refusals_exact(), raw());
  lab.plan(8080, {std::nullopt, /*when_released=*/true});
  lab.run([&] {
    auto seen = watch(lab, 8080);
    EXPECT_EQ(seen.connecting.error, EINPROGRESS);
    EXPECT_FALSE(seen.early) << *seen.early;
    ASSERT_TRUE(seen.mask);
    EXPECT_EQ(*seen.mask, POLLOUT);
    EXPECT_EQ(socket_error(seen.connecting.fd.get()), 0);
    EXPECT_EQ(peer_of(seen.connecting.fd.get()), at_port(8080));
    lab.on_loop([&] {
      ASSERT_EQ(lab.completed.size(), 1u);
      EXPECT_EQ(::send(lab.completed[0].get(), "hello", 5, 0), 5);
    });
    char text[8]{};
    pollfd one{seen.connecting.fd.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&one, 1, kAtLast), 1);
    EXPECT_EQ(::recv(seen.connecting.fd.get(), &text[0], sizeof text, 0), 5);
  });
}

TEST_P(ConnectOutcome, IsTheSameWhenItIsAskedAndToldInOneMessage) {
  ProgramLab lab({});
  lab.plan(8080, {std::nullopt, /*when_released=*/true});
  lab.plan(8081, {ErrorCode::kRefused, /*when_released=*/true});
  lab.plan(8082, {ErrorCode::kRefused});  // at once: the first is told so in its answer
  lab.run([&] {
    for (std::uint16_t port = 8080; port <= 8082; ++port) {
      const auto first = lab.connect(at_port(port));
      if (port != 8082) {
        EXPECT_EQ(first.verdict, CULVERT_HOLD);
        EXPECT_NE(first.flags & CULVERT_HOLDS_ON, 0u);
        lab.release();
      }
      const auto held_at = port == 8082 ? at_port(port) : first.held_at;
      const auto monitor = make_monitor(monitor_name());
      auto again =
          lab.connect_again(at_port(port), held_at, [&](int fd) { monitor->before_connect(fd); });
      monitor->after_connect(again.fd.get());
      EXPECT_EQ(again.error, EINPROGRESS);
      if (port != 8082) {
        EXPECT_FALSE(monitor->wait(kNotBefore)) << port;
      }
      lab.release();
      const auto mask = monitor->wait(kAtLast);
      ASSERT_TRUE(mask) << port;
      if (port == 8080) {
        EXPECT_EQ(*mask, POLLOUT);
        EXPECT_EQ(socket_error(again.fd.get()), 0);
        continue;
      }
      EXPECT_EQ(*mask, *native_refusal(monitor_name())) << port;
      const int error = socket_error(again.fd.get());
      EXPECT_EQ(error == ECONNRESET ? lab.ask_error(again.cookie) : error, ECONNREFUSED) << port;
    }
  });
}

TEST_P(ConnectOutcome, IsTheTrueErrorWhenTheCoreFails) {
  struct Case {
    ErrorCode code;
    int error;
    int kernel_error;  // with CAP_NET_RAW; without, it is ECONNRESET, and the shim asks
  };
  const Case cases[] = {{ErrorCode::kRefused, ECONNREFUSED, ECONNREFUSED},
                        {ErrorCode::kHostUnreachable, EHOSTUNREACH, EHOSTUNREACH},
                        {ErrorCode::kNetworkUnreachable, ENETUNREACH, ENETUNREACH},
                        {ErrorCode::kTimedOut, ETIMEDOUT, ECONNREFUSED},
                        {ErrorCode::kNotPermitted, EACCES, ECONNREFUSED}};
  const auto native = native_refusal(monitor_name());
  ProgramLab lab({});
  lab.run([&] {
    std::uint16_t port = 7000;
    for (const auto& each : cases) {
      lab.on_loop([&] { lab.plan(port, {each.code, /*when_released=*/true}); });
      const auto seen = watch(lab, port++);
      EXPECT_EQ(seen.connecting.error, EINPROGRESS);
      EXPECT_FALSE(seen.early) << *seen.early;
      // The kernel reports an ICMP error before it closes the socket (tcp_v4_err), and is in state
      // CLOSE before it shuts the socket down (tcp_done), natively too: io_uring always, and any
      // other waiter on another CPU at times, sees POLLERR alone, or no end yet.
      const bool by_icmp = raw() && (each.error == EHOSTUNREACH || each.error == ENETUNREACH);
      const bool as_of_icmp =
          by_icmp && (seen.mask == POLLERR || seen.mask == (POLLERR | POLLHUP | POLLOUT));
      EXPECT_TRUE(seen.mask == native || as_of_icmp)
          << to_string(each.code) << " mask " << seen.mask.value_or(-1);
      const int kernel_error = socket_error(seen.connecting.fd.get());
      EXPECT_EQ(kernel_error, raw() ? each.kernel_error : ECONNRESET) << to_string(each.code);
      if (kernel_error != each.error) {
        EXPECT_EQ(lab.ask_error(seen.connecting.cookie), each.error) << to_string(each.code);
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(All, ConnectOutcome,
                         ::testing::Combine(::testing::Bool(),
                                            ::testing::ValuesIn(monitor_names())),
                         [](const auto& tested) {
                           return std::string(std::get<0>(tested.param) ? "raw_" : "plain_") +
                                  std::get<1>(tested.param);
                         });

// Parameter: with CAP_NET_RAW?
class ManyConnects : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!enter_own_namespace().empty()) GTEST_SKIP() << enter_own_namespace();
    without_.emplace(GetParam() ? -1 : CAP_NET_RAW);
  }
  std::optional<WithoutCapability> without_;
};

TEST_P(ManyConnects, TwoThousandOneAfterTheOther) {
  ProgramLab lab({});
  lab.run([&] {
    int bad = 0;
    for (int i = 0; i < 2000; ++i) {
      const auto connecting = lab.connect(at_port(8080));
      pollfd one{connecting.fd.get(), POLLOUT, 0};
      if (::poll(&one, 1, kAtLast) != 1 || one.revents != POLLOUT) ++bad;
      if (i % 100 == 99) lab.on_loop([&] { lab.completed.clear(); });
    }
    EXPECT_EQ(bad, 0);
    lab.on_loop([&] { EXPECT_EQ(lab.announced, 2000); });
  });
}

TEST_P(ManyConnects, FiveHundredPendingAtOnceEndAsEachWasDecided) {
  constexpr int kCount = 500;
  ProgramLab lab({});
  lab.plan(8080, {std::nullopt, true});
  lab.plan(8081, {ErrorCode::kRefused, true});
  lab.plan(8082, {ErrorCode::kHostUnreachable, true});
  lab.run([&] {
    std::vector<Connecting> all;
    all.reserve(kCount);
    for (int i = 0; i < kCount; ++i)
      all.push_back(lab.connect(at_port(static_cast<std::uint16_t>(8080 + i % 3))));
    lab.release();
    for (int i = 0; i < kCount; ++i) {
      auto& each = all[static_cast<std::size_t>(i)];
      pollfd one{each.fd.get(), POLLOUT, 0};
      EXPECT_EQ(::poll(&one, 1, kAtLast), 1) << i;
      // Linux queues an ICMP error (POLLERR) an instant before it sets SO_ERROR, natively as well.
      while (one.revents == POLLERR && ::poll(&one, 1, kAtLast) == 1) std::this_thread::yield();
      int error = socket_error(each.fd.get());
      if (error != 0 && !GetParam()) error = lab.ask_error(each.cookie);
      const int expected[] = {0, ECONNREFUSED, EHOSTUNREACH};
      EXPECT_EQ(error, expected[i % 3]) << i;
    }
    lab.on_loop([&] { EXPECT_EQ(lab.gate().pending_connects(), 0u); });
  });
}

TEST_P(ManyConnects, OneRefusedAndOneSlowDoNotDelayEachOther) {
  ProgramLab lab({});
  lab.plan(8080, {std::nullopt, true});
  lab.plan(8081, {ErrorCode::kRefused, false});
  lab.run([&] {
    const auto slow = lab.connect(at_port(8080));
    const auto refused = lab.connect(at_port(8081));
    ASSERT_EQ(refused.error, EINPROGRESS) << "decided before the shim was answered";
    pollfd other{refused.fd.get(), POLLOUT, 0};
    EXPECT_EQ(::poll(&other, 1, kAtLast), 1);
    pollfd one{slow.fd.get(), POLLOUT, 0};
    EXPECT_EQ(::poll(&one, 1, kNotBefore), 0);
    lab.release();
    EXPECT_EQ(::poll(&one, 1, kAtLast), 1);
  });
}

TEST_P(ManyConnects, TheCoreHearsThatAProgramGaveUp) {
  ProgramLab lab({});
  lab.plan(8080, {std::nullopt, true});
  lab.run([&] {
    auto connecting = lab.connect(at_port(8080));
    lab.on_loop([&] { EXPECT_EQ(lab.abandoned, 0); });
    connecting.fd.reset();
    EXPECT_TRUE(lab.eventually([&] { return lab.abandoned == 1; }));
  });
}

TEST_P(ManyConnects, AShimThatHangsUpBeforeItConnectsAbandons) {
  ProgramLab lab({});
  lab.plan(8080, {std::nullopt, true});
  lab.run([&] {
    const auto connecting = lab.connect(
        at_port(8080), [](int) {}, /*tell=*/false);
    EXPECT_TRUE(lab.eventually([&] { return lab.abandoned == 1; }));
  });
}

TEST_P(ManyConnects, ASecondConnectOfTheSameSocketIsNotASecondStream) {
  ProgramLab lab({});
  lab.plan(8080, {std::nullopt, true});
  lab.run([&] {
    const auto connecting = lab.connect(at_port(8080));
    auto again = ProgramLab::question(CULVERT_ASK_CONNECT);
    again.cookie = connecting.cookie;
    ProgramLab::put_address(again, at_port(8080));
    const auto answer = lab.ask(again);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->verdict, CULVERT_HOLD);
    sockaddr_storage address{};
    const auto length = connecting.held_at.fill(address);
    EXPECT_EQ(::connect(connecting.fd.get(), reinterpret_cast<sockaddr*>(&address), length), -1);
    EXPECT_EQ(errno, EALREADY);
    lab.on_loop([&] { EXPECT_EQ(lab.announced, 1); });
  });
}

TEST_P(ManyConnects, ASocketConnectsAgainAfterAFailure) {
  ProgramLab lab({});
  lab.plan(8080, {ErrorCode::kRefused, true});
  lab.run([&] {
    const auto failed = lab.connect(at_port(8080));
    lab.release();
    pollfd one{failed.fd.get(), POLLOUT, 0};
    ASSERT_EQ(::poll(&one, 1, kAtLast), 1);
    sockaddr_storage address{};
    const auto length = failed.held_at.fill(address);
    const auto connect_again = [&] {
      return ::connect(failed.fd.get(), reinterpret_cast<sockaddr*>(&address), length) == 0 ? 0
                                                                                            : errno;
    };
    EXPECT_EQ(connect_again(), GetParam() ? ECONNREFUSED : ECONNRESET) << "tells the failure";
    auto again = ProgramLab::question(CULVERT_ASK_CONNECT);
    again.cookie = failed.cookie;
    ProgramLab::put_address(again, at_port(8080));
    UniqueFd conversation;
    ASSERT_TRUE(lab.ask(again, &conversation));
    EXPECT_EQ(lab.ask_error(failed.cookie), 0) << "the old failure is forgotten";
    EXPECT_EQ(connect_again(), EINPROGRESS) << "starts anew";
  });
}

TEST_P(ManyConnects, ABlockingConnectWaitsInTheKernel) {
  ProgramLab lab({});
  lab.plan(8080, {std::nullopt, true});
  lab.run([&] {
    const auto connecting = lab.connect(at_port(8080));
    fcntl(connecting.fd.get(), F_SETFL, 0);
    std::thread releaser([&] { lab.release(); });
    sockaddr_storage address{};
    const auto length = connecting.held_at.fill(address);
    EXPECT_EQ(::connect(connecting.fd.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    releaser.join();
  });
}

TEST_P(ManyConnects, PendingOnesFailAtOnceWhenTheAgentEnds) {
  ProgramLab lab({});
  lab.plan(8080, {std::nullopt, true});
  lab.run([&] {
    const auto connecting = lab.connect(at_port(8080));
    lab.eventually([&] { return lab.gate().pending_connects() == 1; });
    // The shim's word may still be under way: a second question is answered after it.
    (void)lab.ask_error(connecting.cookie);
    lab.on_loop([&] { lab.end_gate(); });
    pollfd one{connecting.fd.get(), POLLOUT, 0};
    ASSERT_EQ(::poll(&one, 1, kAtLast), 1);
    EXPECT_NE(socket_error(connecting.fd.get()), 0);
  });
}

INSTANTIATE_TEST_SUITE_P(All, ManyConnects, ::testing::Bool(), [](const auto& tested) {
  return std::string(tested.param ? "raw" : "plain");
});

}  // namespace
}  // namespace culvert::agent::testing
