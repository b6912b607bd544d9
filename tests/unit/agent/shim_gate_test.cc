#include "agent/shim_gate.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <poll.h>
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

namespace culvert::agent::testing {
namespace {

const IpAddress kVirtual = IpAddress::v4(0x7f400305);
const IpAddress kOwn = IpAddress::v4(0x7f400306);

class Gate : public NeedsOwnNamespace {};

culvert_question_packet ask_name(const char* name) {
  auto packet = ProgramLab::question(CULVERT_ASK_NAME);
  std::copy_n(name, std::string_view(name).size(), &packet.name[0]);
  return packet;
}

TEST_F(Gate, AnswersAboutNamesNowOrLater) {
  ProgramLab lab({});
  lab.run([&] {
    EXPECT_EQ(lab.ask(ask_name("web.example.net"))->verdict, CULVERT_FOUND);
    EXPECT_EQ(lab.ask(ask_name("web.example.net"))->address[0], 127);
    EXPECT_EQ(lab.ask(ask_name("gone.example.net"))->verdict, CULVERT_NO_SUCH_NAME);
    EXPECT_EQ(lab.ask(ask_name("www.example.org"))->verdict, CULVERT_NOT_OURS);
    EXPECT_EQ(lab.ask(ask_name("dropped.example.net"))->verdict, CULVERT_TRY_AGAIN);
    std::thread later([&] {
      EXPECT_TRUE(lab.eventually([&] { return lab.kept_question != nullptr; }));
      lab.on_loop([&] { lab.kept_question->found(kVirtual); });
    });
    EXPECT_EQ(lab.ask(ask_name("later.example.net"))->verdict, CULVERT_FOUND);
    later.join();
  });
}

// Where the file cannot be seen: the connection of a program in a chroot.
UniqueFd connect_to_abstract_name(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto name = CULVERT_ABSTRACT + path;
  name.copy(&address.sun_path[1], name.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  return fd;
}

TEST_F(Gate, AnswersAtAnAbstractNameToo) {
  ProgramLab lab({});
  lab.run([&] {
    const auto link = connect_to_abstract_name(lab.socket_path());
    const auto answer = ask_agent_on(link, ask_name("web.example.net"), std::chrono::seconds{10});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->verdict, CULVERT_FOUND);
  });
}

TEST_F(Gate, TellsThisMachinesOwnAddressOnceItIsKnown) {
  ProgramLab lab({});
  lab.run([&] {
    const auto question = ProgramLab::question(CULVERT_ASK_OWN_ADDRESS);
    EXPECT_EQ(lab.ask(question)->verdict, CULVERT_NOT_OURS);
    lab.on_loop([&] { lab.gate().set_own_address(kOwn); });
    const auto answer = lab.ask(question);
    EXPECT_EQ(answer->verdict, CULVERT_FOUND);
    EXPECT_EQ(address_of(*answer), kOwn);
  });
}

TEST_F(Gate, AnswersAboutAddresses) {
  ProgramLab lab({});
  lab.run([&] {
    auto packet = ProgramLab::question(CULVERT_ASK_ADDRESS);
    ProgramLab::put_address(packet, {IpAddress::v4(0x7f400102), 0});
    const auto answer = lab.ask(packet);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->verdict, CULVERT_FOUND);
    EXPECT_STREQ(&answer->name[0], "web.example.net");
  });
}

TEST_F(Gate, TellsTheCommandItsPoolAndDomains) {
  ProgramLab lab({});
  lab.run([&] {
    const auto facts = ask_agent(lab.socket_path(), std::chrono::seconds{5});
    ASSERT_TRUE(facts) << facts.error().detail;
    EXPECT_EQ(facts->pool.to_string(), "127.64.0.0/10");
    EXPECT_EQ(facts->domains, "example.net");
    EXPECT_FALSE(facts->low_ports_mapped);
  });
}

TEST_F(Gate, SendsAStatusThatIsLargerThanASocketBuffer) {
  ProgramLab lab({});
  lab.status = std::string(3'000'000, 'x') + "end";
  lab.run([&] {
    const auto text = ask_status(lab.socket_path(), std::chrono::seconds{5});
    ASSERT_TRUE(text) << text.error().detail;
    EXPECT_EQ(*text, lab.status);
  });
}

TEST_F(Gate, LeavesAddressesOutsideThePoolAlone) {
  ProgramLab lab({});
  lab.run([&] {
    EXPECT_EQ(lab.connect({IpAddress::v4(0x0a000001), 80}).verdict, CULVERT_NOT_OURS);
  });
}

TEST_F(Gate, HoldsAStandInWhereAnOrdinaryAddressIsForwarded) {
  ProgramLab lab({});
  lab.stand_in_for = {IpAddress::v4(0x0a000001), kVirtual};
  lab.run([&] {
    const auto forwarded = lab.connect({IpAddress::v4(0x0a000001), 4321});
    EXPECT_EQ(forwarded.verdict, CULVERT_HOLD);
    EXPECT_EQ(forwarded.held_at, (SocketAddress{kVirtual, 4321}));
    EXPECT_EQ(lab.connect({IpAddress::v4(0x0a000002), 4321}).verdict, CULVERT_NOT_OURS);
    EXPECT_TRUE(lab.eventually([&] { return lab.completed.size() == 1; }));
  });
}

TEST_F(Gate, SurvivesRubbishAndEarlyHangUps) {
  ProgramLab lab({});
  lab.run([&] {
    auto packet = ask_name("web.example.net");
    packet.magic ^= 1;
    EXPECT_EQ(lab.ask(packet)->verdict, CULVERT_TRY_AGAIN);
    packet = ask_name("web.example.net");
    packet.version = 99;
    EXPECT_EQ(lab.ask(packet)->verdict, CULVERT_TRY_AGAIN);
    EXPECT_EQ(lab.ask(ask_name("web.example.net"))->verdict, CULVERT_FOUND);
  });
}

TEST_F(Gate, IgnoresTwoPacketsThatDoNotBelongTogether) {
  ProgramLab lab({});
  lab.run([&] {
    auto ask = ProgramLab::question(CULVERT_ASK_CONNECT);
    auto tell = ProgramLab::question(CULVERT_TELL_CONNECTING);
    ask.cookie = tell.cookie = 4711;
    ProgramLab::put_address(ask, {kVirtual, 8080});
    ProgramLab::put_address(tell, {IpAddress::v4(INADDR_LOOPBACK), 5000});
    const auto send = [&](const culvert_question_packet& first,
                          const culvert_question_packet& second) {
      const std::array<culvert_question_packet, 2> both{first, second};
      lab.send_message(std::as_bytes(std::span{both}));
    };
    auto elsewhere = ask, other_version = tell, of_another = tell;
    ProgramLab::put_address(elsewhere, {IpAddress::v4(0x08080808), 443});
    ++other_version.version;
    ++of_another.cookie;
    send(tell, ask);
    send(ask, ask);
    send(elsewhere, tell);
    send(ask, other_version);
    lab.on_loop([&] { EXPECT_EQ(lab.announced, 0); });
    send(ask, of_another);  // these two reach the core, and the kernel knows no such socket
    send(ask, tell);
    EXPECT_TRUE(lab.eventually([&] { return lab.announced == 2 && lab.abandoned == 2; }));
    lab.on_loop([&] { EXPECT_EQ(lab.gate().pending_connects(), 0u); });
  });
}

TEST_F(Gate, MapsLowPortsWhenItMayNotBindThem) {
  const WithoutCapability without(CAP_NET_BIND_SERVICE);
  ProgramLab lab({});
  EXPECT_TRUE(lab.gate().low_ports_mapped());
  lab.run([&] {
    const auto connecting = lab.connect({kVirtual, 80});
    EXPECT_NE(connecting.flags & CULVERT_LOW_PORTS_MAPPED, 0u);
    EXPECT_EQ(connecting.held_at.port, CULVERT_LOW_PORT_BASE + 80);
    pollfd one{connecting.fd.get(), POLLOUT, 0};
    EXPECT_EQ(::poll(&one, 1, 3000), 1);
    EXPECT_EQ(one.revents, POLLOUT);
    lab.on_loop([&] { EXPECT_EQ(lab.last_to.port, 80); });
  });
}

TEST_F(Gate, HoldsElsewhereWhereALocalProgramListensOnThatPort) {
  const auto local = listen_at("0.0.0.0:8080");
  const auto local_low = listen_at("0.0.0.0:22");
  ProgramLab lab({});
  lab.run([&] {
    for (const std::uint16_t port : {std::uint16_t{8080}, std::uint16_t{22}}) {
      const auto connecting = lab.connect({kVirtual, port});
      EXPECT_EQ(connecting.verdict, CULVERT_HOLD);
      EXPECT_NE(connecting.held_at.port, port);
      pollfd one{connecting.fd.get(), POLLOUT, 0};
      EXPECT_EQ(::poll(&one, 1, 3000), 1);
      EXPECT_EQ(one.revents, POLLOUT);
      lab.on_loop([&] { EXPECT_EQ(lab.last_to.port, port); });
    }
  });
}

TEST_F(Gate, DoesNotJoinASocketThatWasNotAnnounced) {
  ProgramLab lab({});
  lab.run([&] {
    const auto bystander = lab.connect(
        {kVirtual, 8080}, [](int) {}, /*tell=*/false);
    auto packet = ProgramLab::question(CULVERT_ASK_CONNECT);
    packet.cookie = 1;
    ProgramLab::put_address(packet, {kVirtual, 8080});
    UniqueFd conversation;
    ASSERT_EQ(lab.ask(packet, &conversation)->verdict, CULVERT_HOLD);
    Connecting posed;
    posed.cookie = 1;
    posed.own = bystander.own;
    lab.tell_connecting(conversation.get(), posed);
    EXPECT_TRUE(lab.eventually([&] { return lab.abandoned >= 1; }));
    pollfd one{bystander.fd.get(), POLLOUT, 0};
    EXPECT_EQ(::poll(&one, 1, 20), 0);
  });
}

TEST_F(Gate, TurnsOtherUsersAway) {
  if (geteuid() != 0 || access("/root", W_OK) != 0) GTEST_SKIP() << "needs root to become another";
  for (const bool any_user : {false, true}) {
    ProgramLab::Setting setting;
    setting.any_user = any_user;
    ProgramLab lab(setting);
    chmod(lab.socket_path().substr(0, lab.socket_path().rfind('/')).c_str(), 0755);
    struct stat facts {};
    ASSERT_EQ(stat(lab.socket_path().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, any_user ? 0666u : 0600u);
    chmod(lab.socket_path().c_str(), 0666);  // so that SO_PEERCRED alone decides
    lab.run([&] {
      const pid_t other = fork();
      if (other == 0) {
        if (setuid(65534) != 0) _exit(9);
        const auto answer = lab.ask(ask_name("web.example.net"));
        _exit(answer && answer->verdict == CULVERT_FOUND ? 1 : 0);
      }
      int status = -1;
      waitpid(other, &status, 0);
      EXPECT_EQ(WEXITSTATUS(status), any_user ? 1 : 0);
    });
  }
}

TEST_F(Gate, ReplacesADeadSocketFileAndRefusesALiveOne) {
  ProgramLab lab({});
  loop::Loop loop;
  struct Nobody final : ControlSocket::Listener {
    void on_asker(UniqueFd, const Asker&) override {}
  } nobody;
  {
    ControlSocket second(loop, nobody);
    const auto refused = second.listen(lab.socket_path(), false);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().detail.find("another agent answers"), std::string::npos);
  }
  const auto path = lab.socket_path() + ".old";
  {
    UniqueFd dead(::socket(AF_UNIX, SOCK_SEQPACKET, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), &address.sun_path[0]);
    ASSERT_EQ(bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  {
    ControlSocket second(loop, nobody);
    EXPECT_TRUE(second.listen(path, false));
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0) << "the socket file is removed at the end";
}

}  // namespace
}  // namespace culvert::agent::testing
