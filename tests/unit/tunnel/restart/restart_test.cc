// Sockets on their way from one process to the next one.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>

#include "tunnel/restart/bundle.h"
#include "tunnel/restart/state.h"

namespace culvert::restart {
namespace {

class Connections : public testing::Test {
 protected:
  void SetUp() override {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    at_.sin_family = AF_INET;
    at_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof at_;
    auto* const address = reinterpret_cast<sockaddr*>(&at_);
    ASSERT_EQ(::bind(listener_.get(), address, length), 0);
    ASSERT_EQ(::listen(listener_.get(), 16), 0);
    ASSERT_EQ(::getsockname(listener_.get(), address, &length), 0);
  }
  std::pair<UniqueFd, UniqueFd> connect() {
    UniqueFd one(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(one.get(), reinterpret_cast<sockaddr*>(&at_), sizeof at_), 0);
    return {std::move(one), UniqueFd(::accept(listener_.get(), nullptr, nullptr))};
  }
  // How the far end sees it end: 0 in order, or an errno value.
  static int end_seen_by(const UniqueFd& far) {
    pollfd wait{far.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&wait, 1, 10'000), 1);
    char octet = 0;
    return ::recv(far.get(), &octet, 1, MSG_DONTWAIT) == 0 ? 0 : errno;
  }

  UniqueFd listener_;
  sockaddr_in at_{};
};

TEST_F(Connections, ManyGoThroughOneBundleAndKeepTheirCookies) {
  constexpr std::size_t kMany = 300;  // more than one message takes
  std::vector<UniqueFd> near, far;
  Outgoing out;
  std::vector<std::uint64_t> cookies;
  for (std::size_t i = 0; i < kMany; ++i) {
    auto [one, other] = connect();
    cookies.push_back(out.add_connection(one.get()));
    near.push_back(std::move(one));
    far.push_back(std::move(other));
  }
  std::span<const int> left = out.internet();
  auto bundle = pack(left);
  ASSERT_TRUE(bundle) << bundle.error().detail;
  EXPECT_TRUE(left.empty());
  near.clear();
  EXPECT_TRUE(is_bundle(bundle->get()));
  Inherited in;
  unpack(std::move(*bundle), in);
  EXPECT_EQ(in.size(), kMany);
  for (std::size_t i = 0; i < kMany; ++i) {
    const auto socket = in.take_connection(cookies[i]);
    ASSERT_TRUE(socket);
    ASSERT_EQ(::send(far[i].get(), "x", 1, 0), 1);
    char octet = 0;
    EXPECT_EQ(::recv(socket.get(), &octet, 1, 0), 1) << "it is connected to the same end";
  }
}

TEST_F(Connections, OneThatNobodyTakesIsReset) {
  auto [near, far] = connect();
  Outgoing out;
  out.add_connection(near.get());
  std::span<const int> left = out.internet();
  auto bundle = pack(left);
  ASSERT_TRUE(bundle);
  near.reset();
  bundle->reset();  // as the service manager does when a unit is stopped
  EXPECT_EQ(end_seen_by(far), ECONNRESET);
}

TEST_F(Connections, OneThatIsTakenEndsInOrderAgain) {
  auto [near, far] = connect();
  Outgoing out;
  const auto cookie = out.add_connection(near.get());
  Inherited in;
  in.add(std::move(near));
  in.take_connection(cookie).reset();
  EXPECT_EQ(end_seen_by(far), 0);
}

TEST_F(Connections, AListeningSocketIsNoBundle) {
  const UniqueFd control(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  sockaddr address{};
  address.sa_family = AF_UNIX;
  ASSERT_EQ(::bind(control.get(), &address, sizeof(sa_family_t)), 0);  // a name of the kernel's
  ASSERT_EQ(::listen(control.get(), 1), 0);
  EXPECT_FALSE(is_bundle(control.get()));
  EXPECT_FALSE(is_bundle(listener_.get()));
}

TEST_F(Connections, ALocalSocketThatNobodyTakesAnswersNobodyThoughTheManagerHasADuplicate) {
  UniqueFd control(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_EQ(::bind(control.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), 0);
  ASSERT_EQ(::listen(control.get(), 1), 0);
  socklen_t length = sizeof address;
  ASSERT_EQ(::getsockname(control.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  const UniqueFd duplicate(::dup(control.get()));
  Outgoing out;
  out.add(control.get());
  EXPECT_EQ(out.local().size(), 1u);
  {
    Inherited in;
    in.add(std::move(control));
  }
  const UniqueFd asker(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  EXPECT_NE(::connect(asker.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST(RestartState, IsReadOnlyByTheSameVersionOfTheSameDaemon) {
  ByteVector bytes;
  Writer out(bytes);
  begin_state(out, Daemon::kAgent);
  Reader right(bytes), other(bytes), none(Bytes{});
  EXPECT_TRUE(check_head(right, Daemon::kAgent));
  EXPECT_FALSE(check_head(other, Daemon::kService));
  EXPECT_FALSE(check_head(none, Daemon::kAgent));
  bytes[5] = std::byte{0xff};
  Reader newer(bytes);
  const auto checked = check_head(newer, Daemon::kAgent);
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().detail.find("another version"), std::string::npos);
}

}  // namespace
}  // namespace culvert::restart
