#include "agent/shim_gate.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>

#include "agent/agent_client.h"
#include "agent/inbound_dial.h"
#include "tests/unit/agent/own_namespace.h"
#include "tests/unit/agent/program_lab.h"
#include "tunnel/loop/local_address.h"

namespace culvert::agent::testing {
namespace {

const IpAddress kVirtual = IpAddress::v4(0x7f400305);
const IpAddress kOwn = IpAddress::v4(0x7f400306);

class Listeners : public NeedsOwnNamespace {};

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length);
  return cookie;
}

culvert_question_packet tell_listening(int fd) {
  auto packet = ProgramLab::question(CULVERT_TELL_LISTENING);
  packet.cookie = cookie_of(fd);
  ProgramLab::put_address(packet, {IpAddress::v4(0), 1});  // not believed: the kernel knows better
  return packet;
}

TEST_F(Listeners, HearsOfListenersUntilTheLastHolderClosesThem) {
  ProgramLab lab({});
  lab.run([&] {
    auto listener = listen_at("0.0.0.0:5000");
    ASSERT_TRUE(lab.ask(tell_listening(listener.get())));
    ASSERT_TRUE(lab.ask(tell_listening(listener.get()))) << "listen() again is no news";
    ASSERT_TRUE(lab.eventually([&] { return lab.listening.size() == 1; }));
    lab.on_loop([&] { EXPECT_EQ(lab.listening[0].local.to_string(), "0.0.0.0:5000"); });
    UniqueFd inherited(dup(listener.get()));
    listener.reset();
    lab.on_loop([&] { EXPECT_TRUE(lab.gone.empty()); });
    inherited.reset();
    EXPECT_TRUE(lab.eventually([&] { return lab.gone.size() == 1; }));
  });
}

TEST_F(Listeners, DoesNotBelieveInListenersThatTheKernelDoesNotKnow) {
  ProgramLab lab({});
  lab.run([&] {
    UniqueFd not_listening(::socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_TRUE(lab.ask(tell_listening(not_listening.get())));
    lab.on_loop([&] { EXPECT_TRUE(lab.listening.empty()); });
  });
}

TEST_F(Listeners, TakesUpThoseOfAnEarlierAgentThatAreStillThere) {
  ProgramLab lab({});
  lab.run([&] {
    auto kept = listen_at("0.0.0.0:5000");
    auto closed = listen_at("0.0.0.0:5001");
    const WatchedListener live{cookie_of(kept.get()), {1, geteuid()}};
    const WatchedListener gone{cookie_of(closed.get()), {1, geteuid()}};
    const WatchedListener foreign{live.cookie, {1, geteuid() + 1}};
    closed.reset();
    const auto in_its_place = listen_at("0.0.0.0:5001");
    lab.on_loop([&] {
      lab.gate().watch_those_left(Protocol::kTcp, {gone, geteuid() == 0 ? foreign : gone});
      EXPECT_TRUE(lab.listening.empty());
      lab.gate().watch_those_left(Protocol::kTcp, {gone, live});
      ASSERT_EQ(lab.listening.size(), 1u);
      EXPECT_EQ(lab.listening[0].local.to_string(), "0.0.0.0:5000");
    });
    kept.reset();
    EXPECT_TRUE(lab.eventually([&] { return lab.gone.size() == 1; })) << "and watches them";
  });
}

// As another user, whose socket it is not. Shows `shown`, if that is one.
int tell_as_nobody(const ProgramLab& lab, int listener, int shown) {
  const pid_t other = fork();
  if (other == 0) {
    if (setuid(65534) != 0) _exit(9);
    const auto link = open_agent(lab.socket_path());
    const auto answer =
        link ? ask_agent_on(*link, tell_listening(listener), std::chrono::seconds{5}, shown)
             : fail(link.error());
    _exit(answer && answer->verdict == CULVERT_FOUND ? 0 : 1);
  }
  int status = -1;
  waitpid(other, &status, 0);
  return WEXITSTATUS(status);
}

TEST_F(Listeners, HearsOfAnotherUsersListenerFromWhoShowsThatItHoldsIt) {
  if (geteuid() != 0 || access("/root", W_OK) != 0) GTEST_SKIP() << "needs root to become another";
  ProgramLab::Setting setting;
  setting.any_user = true;
  ProgramLab lab(setting);
  chmod(lab.socket_path().substr(0, lab.socket_path().rfind('/')).c_str(), 0755);
  lab.run([&] {
    auto listener = listen_at("0.0.0.0:5003");
    const auto another = listen_at("0.0.0.0:5004");
    const UniqueFd file(memfd_create("no socket", MFD_CLOEXEC));
    for (const int shown : {-1, another.get(), file.get()}) {
      EXPECT_EQ(tell_as_nobody(lab, listener.get(), shown), 0);
      lab.on_loop([&] { EXPECT_TRUE(lab.listening.empty()) << shown; });
    }
    EXPECT_EQ(tell_as_nobody(lab, listener.get(), listener.get()), 0);
    EXPECT_TRUE(lab.eventually([&] { return lab.listening.size() == 1; }));
    listener.reset();
    EXPECT_TRUE(lab.eventually([&] { return lab.gone.size() == 1; })) << "the agent keeps it";
  });
}

// The look-up by address gives the last one that was bound; the others are found in the list.
TEST_F(Listeners, HearsOfEachUdpSocketThoughAllShareOnePort) {
  ProgramLab lab({});
  lab.run([&] {
    const auto at = *SocketAddress::parse("127.0.0.1:5000");
    std::vector<UniqueFd> sockets;
    for (int i = 0; i < 3; ++i) {
      const int on = 1;
      sockaddr_storage address{};
      const auto length = at.fill(address);
      auto& fd = sockets.emplace_back(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      ASSERT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    }
    for (const auto& socket : sockets) {
      auto told = ProgramLab::question(CULVERT_TELL_BOUND);
      told.cookie = cookie_of(socket.get());
      ProgramLab::put_address(told, at);
      ASSERT_TRUE(lab.ask(told));
    }
    ASSERT_TRUE(lab.eventually([&] { return lab.listening.size() == 3; }));
    lab.on_loop([&] {
      for (std::size_t i = 0; i < sockets.size(); ++i)
        EXPECT_EQ(lab.listening[i].cookie, cookie_of(sockets[i].get()));
    });
    sockets.clear();
    EXPECT_TRUE(lab.eventually([&] { return lab.gone.size() == 3; }));
  });
}

UniqueFd bind_anywhere() {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
  return fd;
}

culvert_question_packet tell_bound(const UniqueFd& socket, std::uint32_t flags) {
  auto told = ProgramLab::question(CULVERT_TELL_BOUND);
  told.cookie = cookie_of(socket.get());
  told.flags = flags;
  ProgramLab::put_address(told, loop::local_address(socket.get()));
  return told;
}

// One thread may ask for the port while another one is just inside of bind(), which is told then.
TEST_F(Listeners, APortThatTheKernelIsSaidToHaveChosenIsTheProgramsOnceThatSaysSo) {
  ProgramLab lab({});
  lab.run([&] {
    auto socket = bind_anywhere();
    ASSERT_TRUE(lab.ask(tell_bound(socket, CULVERT_KERNEL_CHOSE)));
    ASSERT_TRUE(lab.ask(tell_bound(socket, CULVERT_KERNEL_CHOSE)));
    lab.on_loop([&] {
      ASSERT_EQ(lab.listening.size(), 1u);
      EXPECT_TRUE(lab.listening[0].kernel_chose);
    });
    ASSERT_TRUE(lab.ask(tell_bound(socket, 0)));
    ASSERT_TRUE(lab.ask(tell_bound(socket, CULVERT_KERNEL_CHOSE)));
    lab.on_loop([&] {
      ASSERT_EQ(lab.listening.size(), 2u);
      EXPECT_FALSE(lab.listening[1].kernel_chose);
      EXPECT_EQ(lab.gone.size(), 1u);
    });
    socket.reset();
    EXPECT_TRUE(lab.eventually([&] { return lab.gone.size() == 2; }));
  });
}

TEST_F(Listeners, ClientsThatAskForTheirPortsKeepNoServerOut) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_max < ListenerWatch::kMost + 100) GTEST_SKIP() << "needs more descriptors";
  ProgramLab lab({});
  lab.run([&] {
    std::vector<UniqueFd> clients;
    for (std::size_t i = 0; i <= ListenerWatch::kMost; ++i) {
      clients.push_back(bind_anywhere());
      ASSERT_TRUE(lab.ask(tell_bound(clients.back(), CULVERT_KERNEL_CHOSE)));
    }
    lab.on_loop([&] { EXPECT_EQ(lab.listening.size(), ListenerWatch::kMost); });
    const auto server = bind_anywhere();
    ASSERT_TRUE(lab.ask(tell_bound(server, 0)));
    lab.on_loop([&] { EXPECT_EQ(lab.listening.back().cookie, cookie_of(server.get())); });
  });
}

TEST_F(Listeners, HearsOfStandInsAndOfWhatTheyStandFor) {
  ProgramLab lab({});
  lab.run([&] {
    auto stand_in = listen_at("127.0.0.1:5001");
    auto told = tell_listening(stand_in.get());
    ProgramLab::put_address(told, *SocketAddress::parse("0.0.0.0:80"));
    told.flags = CULVERT_STANDS_IN | 1u << CULVERT_PROGRAM_SHIFT;
    const std::string token(kTokenSize, 'x');
    token.copy(&told.name[0], token.size());
    ASSERT_TRUE(lab.ask(told));
    ASSERT_TRUE(lab.eventually([&] { return lab.listening.size() == 1; }));
    lab.on_loop([&] {
      const auto& listener = lab.listening[0];
      EXPECT_EQ(listener.local.to_string(), "0.0.0.0:80");
      EXPECT_EQ(listener.stand_in, (StandIn{*SocketAddress::parse("127.0.0.1:5001"), token}));
    });
    stand_in.reset();
    EXPECT_TRUE(lab.eventually([&] { return lab.gone.size() == 1; }));
  });
}

struct Dialled final : InboundDial::Listener {
  explicit Dialled(loop::Loop& its_loop) : loop(its_loop) {}
  void on_inbound_dialled(InboundDial&, UniqueFd got, int code) override {
    fd = std::move(got);
    error = code;
    loop.stop();
  }
  loop::Loop& loop;
  UniqueFd fd;
  int error = -1;
};

TEST_F(Listeners, CallsALocalListenerFromTheCallersVirtualAddress) {
  for (const char* at : {"0.0.0.0:6000", "127.0.0.1:6001", "[::]:6002", "127.64.9.1:6003"}) {
    const auto listener = listen_at(at);
    loop::Loop loop;
    Dialled dialled(loop);
    AcceptDesk desk(loop);
    {
      InboundDial dial(loop, {kVirtual, 0}, kOwn, InboundTarget{*SocketAddress::parse(at)}, desk,
                       dialled);
      loop.run();
    }
    EXPECT_EQ(dialled.error, 0) << at;
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    const UniqueFd accepted(accept(listener.get(), reinterpret_cast<sockaddr*>(&peer), &length));
    EXPECT_EQ(SocketAddress::from(reinterpret_cast<sockaddr*>(&peer)).ip.canonical(), kVirtual);
    length = sizeof peer;
    getsockname(accepted.get(), reinterpret_cast<sockaddr*>(&peer), &length);
    const auto shown = SocketAddress::from(reinterpret_cast<sockaddr*>(&peer)).ip.canonical();
    const auto bound = SocketAddress::parse(at)->ip;
    const bool any = bound == IpAddress::v4(0) || !bound.is_v4();
    EXPECT_EQ(shown, any ? kOwn : bound) << at;
  }
}

TEST_F(Listeners, TakesTheOutcomeThatAStandInTells) {
  for (const int outcome : {0, ECONNREFUSED, ETIMEDOUT}) {
    const auto at = "127.0.0.1:" + std::to_string(6100 + outcome);
    const auto listener = listen_at(at.c_str());
    const std::string token(kTokenSize, 'x');
    std::optional<IpAddress> called;
    std::thread porter([&] {
      const UniqueFd caller(accept(listener.get(), nullptr, nullptr));
      StandInCall call{};
      if (recv(caller.get(), call.data(), call.size(), MSG_WAITALL) == ssize_t{sizeof call})
        called = read_stand_in_call(call, token);
      const auto octet = static_cast<std::uint8_t>(outcome);
      send(caller.get(), &octet, 1, MSG_NOSIGNAL);
      if (outcome == 0) send(caller.get(), "hello", 5, MSG_NOSIGNAL);
    });
    loop::Loop loop;
    Dialled dialled(loop);
    const InboundTarget target{*SocketAddress::parse("0.0.0.0:80"),
                               StandIn{*SocketAddress::parse(at), token}};
    AcceptDesk desk(loop);
    InboundDial dial(loop, {kVirtual, 0}, kOwn, target, desk, dialled);
    loop.run();
    porter.join();
    EXPECT_EQ(dialled.error, outcome);
    EXPECT_EQ(called, kOwn);
    if (outcome != 0) continue;
    std::array<char, 6> text{};
    pollfd look{dialled.fd.get(), POLLIN, 0};
    poll(&look, 1, 5000);
    EXPECT_EQ(recv(dialled.fd.get(), text.data(), text.size(), 0), 5)
        << "the answer alone is taken";
  }
}

TEST_F(Listeners, ReportsAClosedPortAndNeverCallsFromTheLoopbackAddress) {
  for (const char* at : {"127.0.0.1:6009", "[::1]:6009"}) {
    loop::Loop loop;
    Dialled dialled(loop);
    AcceptDesk desk(loop);
    InboundDial dial(loop, {kVirtual, 0}, kOwn, InboundTarget{*SocketAddress::parse(at)}, desk,
                     dialled);
    loop.run();
    EXPECT_EQ(dialled.error, ECONNREFUSED) << at;
  }
}

}  // namespace
}  // namespace culvert::agent::testing
