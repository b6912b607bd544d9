#include "resolver/dns_server.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "resolver/dns_forwarder.h"
#include "resolver/dns_message.h"
#include "tunnel/base/byte_codec.h"

namespace culvert::resolver {
namespace {

// Sends every message back as an answer; "never" never. A message that is passed on begins with an
// id drawn at random: no octet of its own may stand for "never".
struct Echo final : DnsServer::Handler {
  void on_dns_message(std::unique_ptr<DnsAsker> asker) override {
    ++asked;
    if (as_text(asker->message()) == "never") return;
    auto answer = asker->message();
    if (answer.size() > 2) answer[2] |= std::byte{0x80};
    asker->answer(answer);
  }
  int asked = 0;
};

class Server : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto listening = server_.listen({IpAddress::v4(INADDR_LOOPBACK), 0});
    ASSERT_TRUE(listening) << listening.error().detail;
  }
  UniqueFd connected(int type) {
    UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    sockaddr_storage to{};
    const auto length = server_.address().fill(to);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), length), 0);
    return fd;
  }
  ByteVector receive(const UniqueFd& fd, std::size_t wanted) {
    ByteVector all;
    std::array<std::byte, 4096> some;
    for (int turn = 0; all.size() < wanted && turn < 1000; ++turn) {
      const auto size = ::recv(fd.get(), some.data(), some.size(), MSG_DONTWAIT);
      if (size == 0) break;
      if (size > 0) append(all, Bytes{some}.first(static_cast<std::size_t>(size)));
      if (size < 0) loop_.run_once();
    }
    return all;
  }
  static ByteVector framed(std::string_view text) {
    ByteVector out;
    Writer(out).text16(text);
    return out;
  }
  loop::Loop loop_;
  Echo echo_;
  DnsServer server_{loop_, echo_};
};

TEST_F(Server, AnswersDatagramsToWhoSentThem) {
  const auto one = connected(SOCK_DGRAM), two = connected(SOCK_DGRAM);
  ASSERT_EQ(::send(one.get(), "one", 3, 0), 3);
  ASSERT_EQ(::send(two.get(), "two", 3, 0), 3);
  EXPECT_EQ(as_text(receive(one, 3)).substr(0, 2), "on");
  EXPECT_EQ(as_text(receive(two, 3)).substr(0, 2), "tw");
}

class Fragmented : public Server, public ::testing::WithParamInterface<unsigned> {};

TEST_P(Fragmented, MessagesByTcpArriveWholeWhereverTheyWereCut) {
  std::mt19937 random(GetParam());
  const auto fd = connected(SOCK_STREAM);
  ByteVector all;
  for (int i = 0; i < 50; ++i) append(all, framed(std::string(1 + random() % 300, 'x')));
  ByteVector got;
  for (Bytes rest{all}; !rest.empty();) {
    const auto size = std::min<std::size_t>(rest.size(), 1 + random() % 200);
    ASSERT_EQ(::send(fd.get(), rest.data(), size, 0), static_cast<ssize_t>(size));
    rest = rest.subspan(size);
    loop_.run_once();
  }
  EXPECT_EQ(receive(fd, all.size()).size(), all.size());
  EXPECT_EQ(echo_.asked, 50);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Fragmented, ::testing::Range(1u, 5u));

TEST_F(Server, AnEmptyOrOversizeMessageEndsTheConnection) {
  for (const auto* front : {"\0\0", "\xff\xff"}) {
    const auto fd = connected(SOCK_STREAM);
    ASSERT_EQ(::send(fd.get(), front, 2, 0), 2);
    EXPECT_TRUE(receive(fd, 1).empty());
  }
}

TEST_F(Server, ManyConnectionsMakeRoomForOneMore) {
  std::vector<UniqueFd> all;
  for (std::size_t i = 0; i < DnsServer::kMostConnections + 5; ++i) {
    all.push_back(connected(SOCK_STREAM));
    loop_.run_once();
  }
  const auto message = framed("abc");
  ASSERT_EQ(::send(all.back().get(), message.data(), message.size(), 0), 5);
  EXPECT_EQ(receive(all.back(), 5).size(), 5u);
  EXPECT_TRUE(receive(all.front(), 1).empty());
}

TEST_F(Server, WhoNeverAnswersLeavesNothingBehind) {
  const auto fd = connected(SOCK_STREAM);
  const auto message = framed("never");
  ASSERT_EQ(::send(fd.get(), message.data(), message.size(), 0), 7);
  while (echo_.asked == 0) loop_.run_once();
}

struct Passed final : DnsForwarding::Listener {
  explicit Passed(loop::Loop& its_loop) : loop(its_loop) {}
  void on_forwarded(DnsForwarding&, Result<ByteVector> given) override {
    answer = std::move(given);
    loop.stop();
  }
  loop::Loop& loop;
  std::optional<Result<ByteVector>> answer;
};

const ByteVector kQuestion = from_hex("4711 0100 0001 0000 0000 0000 0161 00 0010 0001");

TEST_F(Server, AMessageIsPassedOnAndComesBackWithItsOwnId) {
  DnsForwarder forwarder(loop_, {server_.address().to_string(), std::chrono::seconds{5}, 1});
  Passed passed(loop_);
  const DnsForwarding forwarding(forwarder, kQuestion, passed);
  EXPECT_FALSE(passed.answer) << "never from inside the constructor";
  loop_.run();
  ASSERT_TRUE(passed.answer && *passed.answer);
  EXPECT_EQ(load_be<std::uint16_t>((*passed.answer)->data()), 0x4711);
  EXPECT_EQ((*passed.answer)->size(), kQuestion.size());
}

TEST_F(Server, WhereNobodyServesNamesItIsSaidSoAndACancelledOneIsForgotten) {
  UniqueFd nobody(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));  // bound, and never read
  sockaddr_storage at{};
  auto length = SocketAddress{IpAddress::v4(INADDR_LOOPBACK), 0}.fill(at);
  ASSERT_EQ(::bind(nobody.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
  getsockname(nobody.get(), reinterpret_cast<sockaddr*>(&at), &length);
  DnsForwarder forwarder(loop_, {SocketAddress::from(reinterpret_cast<sockaddr*>(&at)).to_string(),
                                 std::chrono::milliseconds{20}, 1});
  Passed forgotten(loop_), passed(loop_);
  { const DnsForwarding cancelled(forwarder, kQuestion, forgotten); }
  const DnsForwarding forwarding(forwarder, kQuestion, passed);
  loop_.run();
  EXPECT_FALSE(forgotten.answer);
  ASSERT_TRUE(passed.answer);
  EXPECT_EQ(passed.answer->error().code, ErrorCode::kTryAgain);
}

}  // namespace
}  // namespace culvert::resolver
