#include "resolver/dns_client.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/resolver/name_server.h"

namespace culvert::resolver {
namespace {

struct Answer final : DnsRequest::Listener {
  explicit Answer(loop::Loop& its_loop) : loop(its_loop) {}
  void on_resolved(DnsRequest&, Result<std::vector<IpAddress>> addresses) override {
    given = std::move(addresses);
    loop.stop();
  }
  loop::Loop& loop;
  std::optional<Result<std::vector<IpAddress>>> given;
};

class Dns : public ::testing::Test {
 protected:
  Result<std::vector<IpAddress>> resolve(std::string_view name) {
    Answer answer(loop_);
    DnsRequest request(client_, name, answer);
    EXPECT_FALSE(answer.given) << "never from inside the constructor";
    loop_.run();
    return answer.given ? *answer.given : fail(ErrorCode::kIo, "no answer");
  }
  loop::Loop loop_;
  NameServer server_{loop_};
  DnsClient client_{loop_, server_.options()};
};

TEST_F(Dns, FindsAddressesOfBothFamilies) {
  const auto addresses = resolve("web.example.net.");
  ASSERT_TRUE(addresses) << addresses.error().detail;
  EXPECT_EQ(addresses->size(), 2u);
  EXPECT_NE(std::find(addresses->begin(), addresses->end(), IpAddress::v4(0xc0000201)),
            addresses->end());
}

TEST_F(Dns, AsksOnceForANameThatManyWantInOneSecond) {
  ASSERT_TRUE(resolve("web.example.net."));
  const int asked = server_.asked;
  const auto again = resolve("web.example.net.");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->size(), 2u);
  EXPECT_EQ(server_.asked, asked);
}

TEST(RecentAnswers, AreForgottenAfterASecond) {
  RecentAnswers<std::vector<IpAddress>> recent;
  const std::vector<IpAddress> addresses{IpAddress::v4(0xc0000201)};
  const TimePoint now{std::chrono::seconds{100}};
  recent.remember("a", addresses, now);
  ASSERT_NE(recent.find("a", now + std::chrono::milliseconds{999}), nullptr);
  EXPECT_EQ(*recent.find("a", now), addresses);
  EXPECT_EQ(recent.find("a", now + std::chrono::seconds{1}), nullptr);
  EXPECT_EQ(recent.find("b", now), nullptr);
}

TEST_F(Dns, TellsAnUnknownNameFromASilentServer) {
  const auto unknown = resolve("no.example.net.");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kNameUnknown);
  const auto mute = resolve("mute.example.net.");
  ASSERT_FALSE(mute);
  EXPECT_EQ(mute.error().code, ErrorCode::kTryAgain);
}

TEST_F(Dns, TakesAddressesAsTheyAreAndRefusesRubbish) {
  EXPECT_EQ(resolve("192.0.2.7")->front(), IpAddress::v4(0xc0000207));
  EXPECT_EQ(resolve("2001:db8::1")->front(), *IpAddress::parse("2001:db8::1"));
  EXPECT_EQ(resolve("a b").error().code, ErrorCode::kBadInput);
  EXPECT_EQ(server_.asked, 0);
}

TEST_F(Dns, ReadsTheHostsFile) {
  const auto addresses = resolve("localhost");
  ASSERT_TRUE(addresses) << addresses.error().detail;
  EXPECT_EQ(server_.asked, 0);
}

TEST_F(Dns, ForgetsARequestThatIsDestroyedWhileItWaits) {
  Answer answer(loop_);
  { const DnsRequest request(client_, "mute.example.net.", answer); }
  { const DnsRequest request(client_, "192.0.2.7", answer); }
  EXPECT_TRUE(resolve("web.example.net."));
  EXPECT_FALSE(answer.given);
}

TEST_F(Dns, AnswersManyRequestsAtOnce) {
  struct Count final : DnsRequest::Listener {
    explicit Count(loop::Loop& its_loop) : loop(its_loop) {}
    void on_resolved(DnsRequest&, Result<std::vector<IpAddress>> addresses) override {
      if (addresses) ++good;
      if (++all == 100) loop.stop();
    }
    loop::Loop& loop;
    int good = 0, all = 0;
  } count(loop_);
  std::vector<std::unique_ptr<DnsRequest>> requests;
  requests.reserve(100);
  for (int i = 0; i < 100; ++i)
    requests.push_back(
        std::make_unique<DnsRequest>(client_, "we" + std::to_string(i) + ".example.net.", count));
  loop_.run();
  EXPECT_EQ(count.good, 100);
}

}  // namespace
}  // namespace culvert::resolver
