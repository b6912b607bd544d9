#include "resolver/dns_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>

#include "tunnel/base/byte_codec.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/fd_watch.h"

namespace culvert::resolver {
namespace {

// A name server on a loopback port: knows web.example.net (A, AAAA), says "no such name" to names
// with "no" in front and keeps silent for those with "mute" in front.
class Server final : private loop::FdWatch::Listener {
 public:
  explicit Server(loop::Loop& loop) : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage address{};
    auto length = SocketAddress{IpAddress::v4(INADDR_LOOPBACK), 0}.fill(address);
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    at_ = SocketAddress::from(reinterpret_cast<sockaddr*>(&address)).to_string();
    watch_.emplace(loop, fd_.get(), static_cast<loop::FdWatch::Listener&>(*this));
    watch_->start(true, false);
  }
  DnsClient::Options options() const { return {at_, std::chrono::milliseconds{50}, 2}; }
  int asked = 0;

 private:
  void on_fd_ready(loop::FdWatch&, bool, bool) override {
    std::array<std::byte, 512> query;
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    const auto size = recvfrom(fd_.get(), query.data(), query.size(), 0,
                               reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 17) return;
    ++asked;
    const Bytes question = Bytes{query}.subspan(12, static_cast<std::size_t>(size) - 12);
    const auto name_end = std::find(question.begin(), question.end(), std::byte{0});
    const auto name_size = static_cast<std::size_t>(name_end - question.begin()) + 1;
    const auto type = load_be<std::uint16_t>(question.data() + name_size);
    const auto first = as_text(question.subspan(1, 2));
    if (first == "mu") return;
    const bool known = first == "we";
    ByteVector answer;
    Writer writer(answer);
    writer.bytes(Bytes{query}.first(2));
    writer.u16(static_cast<std::uint16_t>(known ? 0x8180 : 0x8183));
    writer.u16(1);
    writer.u16(known ? 1 : 0);
    writer.u32(0);
    writer.bytes(question.first(name_size + 4));
    if (known) {
      writer.u16(0xc00c);
      writer.u16(type);
      writer.u16(1);
      writer.u32(60);
      const bool six = type == 28;
      writer.u16(six ? 16 : 4);
      if (six) writer.u32(0x20010db8);
      if (six) writer.u64(0);
      writer.u32(0xc0000201);
    }
    sendto(fd_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
  }
  UniqueFd fd_;
  std::string at_;
  std::optional<loop::FdWatch> watch_;
};

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
  Server server_{loop_};
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
