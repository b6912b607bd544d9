// Programs that want to listen where the agent holds a port for connects.
#include <sys/socket.h>

#include "agent/hold_table.h"
#include "tests/unit/agent/own_namespace.h"
#include "tests/unit/agent/program_lab.h"

namespace culvert::agent::testing {
namespace {

constexpr std::uint16_t kPort = 8080;
const SocketAddress kTo{IpAddress::v4(0x7f400305), kPort};
const SocketAddress kElsewhere{IpAddress::v4(0x7f400305), 8081};

// As servers do: without SO_REUSEADDR the connections that there are would be in the way.
UniqueFd bound_everywhere(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage address{};
  const auto length = SocketAddress{IpAddress::v4(0), port}.fill(address);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) fd.reset();
  return fd;
}

class LetGo : public NeedsOwnNamespace {
 protected:
  TimePoint at(std::chrono::milliseconds after) const { return begin_ + Duration{after}; }
  const TimePoint begin_{std::chrono::hours{1}};
  HoldTable table_{/*low_ports_mapped=*/false, std::chrono::seconds{5}};
};

TEST_F(LetGo, WhatIsHeldForNobodyIsClosedAtThatPortAlone) {
  (void)table_.acquire(kTo, begin_);
  (void)table_.acquire(kElsewhere, begin_);
  ASSERT_FALSE(bound_everywhere(kPort));
  const auto outcome = table_.let_go(kPort, begin_ + HoldTable::kPromised);
  EXPECT_TRUE(outcome.held);
  EXPECT_FALSE(outcome.used);
  EXPECT_FALSE(outcome.promised_until);
  EXPECT_TRUE(bound_everywhere(kPort));
  EXPECT_EQ(table_.size(), 1u);
}

TEST_F(LetGo, NotWithinTheTimeThatWasPromised) {
  { const auto held = table_.acquire(kTo, at(std::chrono::milliseconds{100})); }
  const auto outcome = table_.let_go(kPort, at(std::chrono::milliseconds{200}));
  EXPECT_TRUE(outcome.held);
  EXPECT_EQ(outcome.promised_until, at(std::chrono::milliseconds{100}) + HoldTable::kPromised);
  EXPECT_FALSE(bound_everywhere(kPort));
}

TEST_F(LetGo, NotWhileAConnectIsPending) {
  const auto held = table_.acquire(kTo, begin_);
  ASSERT_TRUE(held);
  EXPECT_TRUE(table_.let_go(kPort, begin_ + std::chrono::seconds{60}).used);
  EXPECT_FALSE(bound_everywhere(kPort));
}

TEST_F(LetGo, NothingIsSaidToBeHeldElsewhere) {
  (void)table_.acquire(kElsewhere, begin_);
  EXPECT_FALSE(table_.let_go(kPort, begin_ + std::chrono::seconds{60}).held);
}

TEST_F(LetGo, APortThatIsHeldElsewhereIsKnownByWhatWasWanted) {
  const auto program = bound_everywhere(kPort);
  ASSERT_TRUE(program);
  ASSERT_EQ(::listen(program.get(), 1), 0);
  const auto held = table_.acquire(kTo, begin_);
  ASSERT_TRUE(held);
  EXPECT_NE(held->address.port, kPort);
  EXPECT_EQ(table_.wanted_port(held->address), kPort);
  EXPECT_EQ(table_.wanted_port(kElsewhere), std::nullopt);
}

TEST_F(LetGo, AProgramThatAsksForAPeersPortHearsTheOneThatItWanted) {
  const auto program = bound_everywhere(kPort);
  ASSERT_EQ(::listen(program.get(), 1), 0);
  ProgramLab lab({});
  lab.run([&] {
    const auto called = lab.connect(kTo);
    ASSERT_NE(called.held_at, kTo);
    auto question = ProgramLab::question(CULVERT_ASK_WANTED_PORT);
    ProgramLab::put_address(question, called.held_at);
    const auto answer = lab.ask(question);
    EXPECT_EQ(answer->verdict, CULVERT_FOUND);
    EXPECT_EQ(answer->port, kPort);
    ProgramLab::put_address(question, kElsewhere);
    EXPECT_EQ(lab.ask(question)->verdict, CULVERT_NOT_OURS);
  });
}

TEST_F(LetGo, AProgramThatAsksGetsThePortOnceNobodyReliesOnIt) {
  ProgramLab lab({});
  lab.run([&] {
    auto wish = ProgramLab::question(CULVERT_ASK_TO_LET_GO);
    wish.port = kPort;
    EXPECT_EQ(lab.ask(wish)->verdict, CULVERT_NOT_OURS);
    const auto called = lab.connect(kTo);
    ASSERT_EQ(called.held_at, kTo);
    EXPECT_TRUE(lab.eventually([&] { return lab.completed.size() == 1; }));
    ASSERT_FALSE(bound_everywhere(kPort)) << "the agent holds it, or there is nothing to let go";
    EXPECT_EQ(lab.ask(wish)->verdict, CULVERT_FOUND);
    EXPECT_TRUE(bound_everywhere(kPort));
  });
}

TEST_F(LetGo, IsRefusedInTheEndWhereAConnectStaysPending) {
  ProgramLab lab({});
  lab.plan(kPort, {std::nullopt, /*when_released=*/true});
  lab.run([&] {
    const auto called = lab.connect(kTo);
    auto wish = ProgramLab::question(CULVERT_ASK_TO_LET_GO);
    wish.port = kPort;
    EXPECT_EQ(lab.ask(wish)->verdict, CULVERT_NOT_OURS);
  });
}

}  // namespace
}  // namespace culvert::agent::testing
