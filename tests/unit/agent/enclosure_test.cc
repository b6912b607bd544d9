#include "agent/enclosure.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "agent/enclosure_census.h"
#include "agent/enclosure_files.h"
#include "agent/enclosure_network.h"
#include "agent/inside_thread.h"
#include "agent/outward_dial.h"

namespace culvert::agent {
namespace {

const IpAddress kServer = IpAddress::v4(0x7f403500);

TEST(EnclosureFiles, NameTheAgentsServerAndKeepEverythingElse) {
  EXPECT_EQ(enclosed_resolver("search a.example\nnameserver 10.0.0.1\n  nameserver ::1\n"
                              "options timeout:2",
                              kServer),
            "nameserver 127.64.53.0\nsearch a.example\noptions timeout:2\n");
  EXPECT_EQ(enclosed_resolver("", kServer), "nameserver 127.64.53.0\n");
  EXPECT_EQ(enclosed_services("passwd: files\nhosts: files resolve [!UNAVAIL=return] dns\n"),
            "passwd: files\nhosts: files dns\n");
}

TEST(EnclosureRules, LetNothingThroughToThePoolAndKnowItsOwnAddresses) {
  const auto rules =
      enclosure_rules({{IpAddress::v4(0x7f400000), 10}, IpAddress::v4(0x0a010002), {}});
  EXPECT_NE(rules.find("ip daddr 127.64.0.0/10 drop"), std::string::npos);
  EXPECT_NE(rules.find("{ 127.0.0.0/8, 10.1.0.2 } socket wildcard 1 accept"), std::string::npos);
}

TEST(OutwardTarget, LeadsPortFiftyThreeOfTheNameServerToItsTruePort) {
  AgentFacts agent;
  agent.name_server = SocketAddress{kServer, 4053};
  EXPECT_EQ(outward_target(agent, {kServer, 53}).port, 4053);
  EXPECT_EQ(outward_target(agent, {kServer, 54}).port, 54);
  EXPECT_EQ(outward_target(agent, {IpAddress::v4(1), 53}).port, 53);
}

TEST(InsideThread, DoesWhatItIsToldAndKeepsTheErrno) {
  InsideThread thread;
  const auto failed = thread.enter(-1);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().detail.find("cannot enter"), std::string::npos);
  EXPECT_EQ(thread.make([] {
    errno = ENOTTY;
    return 7;
  }),
            7);
  EXPECT_EQ(errno, ENOTTY);
}

struct Ended final : EnclosureCensus::Listener {
  explicit Ended(loop::Loop& its_loop) : loop(its_loop) {}
  void on_enclosure_empty() override { loop.stop(); }
  loop::Loop& loop;
};

TEST(EnclosureCensus, HearsOfTheEndOfAProcessThatIsAloneInItsNamespace) {
  loop::Loop loop;
  Ended ended(loop);
  EnclosureCensus census(loop, ended);
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  constexpr ino_t kNobodysNamespace = 1;
  ASSERT_TRUE(census.start(child, kNobodysNamespace));
  kill(child, SIGKILL);
  loop.run();
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(census.start(child, kNobodysNamespace)) << "it is gone";
}

TEST(EnclosureCensus, GoesOnWithAnotherProcessOfTheNamespace) {
  struct stat own {};
  ASSERT_EQ(stat("/proc/self/ns/net", &own), 0);
  loop::Loop loop;
  Ended ended(loop);
  EnclosureCensus census(loop, ended);
  const pid_t child = fork();
  if (child == 0) _exit(0);
  ASSERT_TRUE(census.start(child, own.st_ino));
  waitpid(child, nullptr, 0);
  loop.run_once();  // finds us, or one of our neighbours: run() would not return
}

}  // namespace
}  // namespace culvert::agent
