// Negotiate: what asks for a ticket, when, and what becomes of it.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tunnel/carrier/lane_logins.h"
#include "tunnel/carrier/ticket_helper.h"
#include "tunnel/loop/timer.h"

namespace culvert::carrier {
namespace {

HttpAnswer question(std::string challenge) {
  HttpAnswer answer;
  answer.status = 407;
  answer.fields.push_back({"proxy-authenticate", std::move(challenge)});
  return answer;
}

exchange::ResponseHead page(const std::string& challenge) {
  exchange::ResponseHead head;
  head.status = 407;
  head.fields.push_back({"proxy-authenticate", challenge});
  return head;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

tl::unexpected<Error> no_ticket() { return fail(ErrorCode::kAuthentication, "no credentials"); }

class Ticket : public testing::Test {
 protected:
  ProxyLogin login(bool with_user, bool may = true) {
    std::optional<ProxyCredentials> known;
    if (with_user) known = ProxyCredentials{"", "ann", "secret"};
    ProxyLogin out(known, random, UnixTime{});
    if (may) out.allow_tickets("proxy.example.net");
    return out;
  }
  SystemRandom random;
};

TEST_F(Ticket, IsShownBeforeAnyPassword) {
  auto one = login(true);
  ASSERT_TRUE(one.challenged(question("Basic realm=\"x\", Negotiate, NTLM")));
  ASSERT_TRUE(one.wants_ticket());
  EXPECT_EQ(one.ticket_host(), "proxy.example.net");
  ASSERT_TRUE(one.take_ticket(std::string("YII=")));
  EXPECT_FALSE(one.wants_ticket());
  EXPECT_EQ(one.authorization("CONNECT", "x"), "Negotiate YII=");
  EXPECT_EQ(one.authorization("CONNECT", "x"), "") << "it is good for one connection";
}

TEST_F(Ticket, OfMoreThanOneMessageGoesOnWithTheProxysAnswers) {
  auto one = login(true);
  one.allow_rounds();
  ASSERT_TRUE(one.challenged(question("Negotiate, Basic realm=\"x\"")));
  EXPECT_FALSE(one.goes_on());
  ASSERT_TRUE(one.take_ticket(std::string("AAAA")));
  EXPECT_EQ(one.authorization("CONNECT", "x"), "Negotiate AAAA");
  ASSERT_TRUE(one.challenged(question("Negotiate BBBB")));
  ASSERT_TRUE(one.wants_ticket() && one.goes_on());
  EXPECT_EQ(one.take_ticket_answer(), "BBBB");
  ASSERT_TRUE(one.take_ticket(std::string("CCCC")));
  EXPECT_EQ(one.authorization("CONNECT", "x"), "Negotiate CCCC");
}

TEST_F(Ticket, WhoseConversationDoesNotEndIsGivenUpForThePassword) {
  auto one = login(true);
  one.allow_rounds();
  ASSERT_TRUE(one.challenged(question("Negotiate")));
  int messages = 0;
  while (one.wants_ticket() && messages < 50) {
    ++messages;
    ASSERT_TRUE(one.take_ticket(std::string("AAAA")));
    (void)one.authorization("CONNECT", "x");
    ASSERT_TRUE(one.challenged(question("Negotiate BBBB, Basic realm=\"x\"")));
  }
  EXPECT_EQ(messages, 5);
  EXPECT_TRUE(has(one.authorization("CONNECT", "x"), "Basic "));
}

TEST_F(Ticket, WhoseConversationFailsOnTheWayLeavesThePassword) {
  auto one = login(true);
  one.allow_rounds();
  ASSERT_TRUE(one.challenged(question("Negotiate")));
  ASSERT_TRUE(one.take_ticket(std::string("AAAA")));
  (void)one.authorization("CONNECT", "x");
  ASSERT_TRUE(one.challenged(question("Negotiate BBBB, Basic realm=\"x\"")));
  ASSERT_TRUE(one.take_ticket(no_ticket()));
  EXPECT_TRUE(has(one.authorization("CONNECT", "x"), "Basic "));
}

TEST_F(Ticket, LeavesThePasswordWhereThereIsNone) {
  auto one = login(true);
  ASSERT_TRUE(one.challenged(question("Negotiate, Basic realm=\"x\"")));
  ASSERT_TRUE(one.take_ticket(no_ticket()));
  EXPECT_TRUE(has(one.authorization("CONNECT", "x"), "Basic "));
  const auto end = one.challenged(question("Negotiate, Basic realm=\"x\""));
  ASSERT_FALSE(end);
  EXPECT_TRUE(has(end.error().detail, "there is no Kerberos ticket for it: no credentials"));
}

TEST_F(Ticket, ThatIsNotAcceptedLeavesThePassword) {
  auto one = login(true);
  ASSERT_TRUE(one.challenged(question("Negotiate, Basic realm=\"x\"")));
  ASSERT_TRUE(one.take_ticket(std::string("YII=")));
  (void)one.authorization("CONNECT", "x");
  ASSERT_TRUE(one.challenged(question("Negotiate, Basic realm=\"x\"")));
  EXPECT_FALSE(one.wants_ticket());
  EXPECT_TRUE(has(one.authorization("CONNECT", "x"), "Basic "));
}

TEST_F(Ticket, IsAllThatAProxyWithoutAUserInItsUrlIsShown) {
  auto one = login(false);
  ASSERT_TRUE(one.challenged(question("Negotiate, Basic realm=\"x\"")));
  const auto end = one.take_ticket(no_ticket());
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::kAuthentication);
  EXPECT_TRUE(has(end.error().detail, "its URL names no user")) << end.error().detail;
}

TEST_F(Ticket, IsNotAskedForWhereNobodyVouchesForTheProxy) {
  auto one = login(false, false);
  const auto end = one.challenged(question("Negotiate"));
  ASSERT_FALSE(end);
  EXPECT_TRUE(has(end.error().detail, "wants to know who asks"));
  EXPECT_FALSE(one.wants_ticket());
}

TEST_F(Ticket, IsAnotherOneForEachLane) {
  LaneLogins lanes(login(false));
  EXPECT_FALSE(lanes.wants_ticket());
  const auto next = lanes.challenged(1, page("Negotiate"));
  ASSERT_TRUE(next);
  EXPECT_EQ(*next, exchange::LaneLogin::Next::kNewLane);
  for (const exchange::LaneId lane : {2u, 3u}) {
    ASSERT_TRUE(lanes.wants_ticket());
    const auto ticket = "T" + std::to_string(lane);
    ASSERT_TRUE(lanes.take_ticket(ticket));
    EXPECT_FALSE(lanes.knocks(lane));
    EXPECT_EQ(lanes.authorization(lane, "POST", "x"), "Negotiate " + ticket);
    lanes.accepted(lane);
    EXPECT_EQ(lanes.authorization(lane, "POST", "x"), "");
  }
  EXPECT_EQ(*lanes.challenged(3, page("Negotiate")), exchange::LaneLogin::Next::kNewLane)
      << "the proxy has forgotten it";
}

TEST_F(Ticket, ThatTheNextLaneDoesNotGetEndsTheExchange) {
  LaneLogins lanes(login(false));
  ASSERT_TRUE(lanes.challenged(1, page("Negotiate")));
  EXPECT_FALSE(lanes.take_ticket(no_ticket()));
}

TEST(TicketLine, IsATicketOrAReason) {
  EXPECT_EQ(*parse_ticket_line("ticket YII="), "YII=");
  EXPECT_EQ(parse_ticket_line("none no\x1b[1m way").error().detail, "no.[1m way");
  for (const auto* bad : {"", "ticket", "ticket ", "ticket a b", "ticket \r", "tickets YII="})
    EXPECT_FALSE(parse_ticket_line(bad)) << bad;
}

struct Waiter final : TicketSource::Listener, loop::Timer::Listener {
  explicit Waiter(loop::Loop& loop) : loop_(loop), timer_(loop, *this) {}
  void on_ticket(Result<std::string> got) override {
    ++told;
    ticket = std::move(got);
    timer_.start(std::chrono::milliseconds{200});  // what would be told twice is told by then
  }
  void on_timer(loop::Timer&) override { loop_.stop(); }
  int told = 0;
  Result<std::string> ticket;

 private:
  loop::Loop& loop_;
  loop::Timer timer_;
};

// A mechanism of two messages: a program that says one, hears the answer, says the other.
TEST(TicketHelper, GoesOnWithTheSameProgram) {
  const auto program = testing::TempDir() + "two-messages-" + std::to_string(::getpid());
  std::ofstream(program) << "#!/bin/sh\necho ticket AAAA\nread line\n"
                            "[ \"$line\" = 'answer BBBB' ] && echo ticket CCCC\n";
  ASSERT_EQ(::chmod(program.c_str(), 0700), 0);
  loop::Loop loop;
  TicketHelper helper(loop, program);
  Waiter waiter(loop);
  const auto question = helper.ask("proxy.example.net", waiter);
  loop.run();
  ASSERT_TRUE(waiter.ticket) << waiter.ticket.error().detail;
  EXPECT_EQ(*waiter.ticket, "AAAA");
  question->go_on("BBBB");
  loop.run();
  ASSERT_TRUE(waiter.ticket) << waiter.ticket.error().detail;
  EXPECT_EQ(*waiter.ticket, "CCCC");
  question->go_on("DDDD");
  loop.run();
  EXPECT_FALSE(waiter.ticket) << "it has ended";
  EXPECT_EQ(waiter.told, 3);
  (void)::unlink(program.c_str());
}

TEST(TicketHelper, TellsOnceWhatItsProgramSays) {
  const struct {
    const char* program;
    const char* part;
  } cases[] = {{"/bin/echo", "gave no ticket"},
               {"/bin/true", "Kerberos is not installed"},
               {"/nonexistent", "cannot start '/nonexistent'"}};
  for (const auto& one : cases) {
    loop::Loop loop;
    TicketHelper helper(loop, one.program);
    Waiter waiter(loop);
    const auto question = helper.ask("proxy.example.net", waiter);
    loop.run();
    EXPECT_EQ(waiter.told, 1) << one.program;
    ASSERT_FALSE(waiter.ticket);
    EXPECT_TRUE(has(waiter.ticket.error().detail, one.part)) << waiter.ticket.error().detail;
  }
  loop::Loop loop;
  TicketHelper helper(loop, "/bin/cat");
  Waiter waiter(loop);
  (void)helper.ask("proxy.example.net", waiter);  // taken back at once
}

}  // namespace
}  // namespace culvert::carrier
