// An association with proxies that are scripts behind real sockets of loopback.
#include "tunnel/carrier/socks_association.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <thread>

#include "tunnel/carrier/socks_datagram.h"
#include "tunnel/loop/local_address.h"

namespace culvert::carrier {
namespace {

UniqueFd bound_to_loopback(int type) {
  UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_storage at{};
  const auto size = SocketAddress{IpAddress::v4(0x7f000001), 0}.fill(at);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  return fd;
}

// Says yes to whatever it is asked, names `relay` with its own port, and sends datagrams back.
class Proxying {
 public:
  explicit Proxying(IpAddress relay, std::string reply = {}) {
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    thread_ = std::thread([this, relay, reply] { serve(relay, reply); });
  }
  ~Proxying() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  SocketAddress address() const { return loop::local_address(listener_.get()); }

 private:
  void echo_one() {  // with the sender's own header, as if what it asked had answered
    std::byte octets[2000];
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    const auto got = ::recvfrom(relay_.get(), octets, sizeof octets, 0,
                                reinterpret_cast<sockaddr*>(&from), &length);
    ASSERT_GT(got, 0);
    (void)::sendto(relay_.get(), octets, static_cast<std::size_t>(got), 0,
                   reinterpret_cast<sockaddr*>(&from), length);
  }
  void serve(IpAddress relay, const std::string& reply) {
    const UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
    if (!peer) return;
    char said[64];
    if (::recv(peer.get(), said, sizeof said, 0) <= 0) return;
    (void)::send(peer.get(), "\x05\x00", 2, MSG_NOSIGNAL);
    if (::recv(peer.get(), said, sizeof said, 0) <= 0) return;
    ByteVector answer;
    append_socks_header(answer, {relay, loop::local_address(relay_.get()).port});
    answer[0] = std::byte{5};
    if (!reply.empty()) answer.assign(as_bytes(reply).begin(), as_bytes(reply).end());
    (void)::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    if (!reply.empty()) return;
    echo_one();
  }

  UniqueFd listener_ = bound_to_loopback(SOCK_STREAM), relay_ = bound_to_loopback(SOCK_DGRAM);
  std::thread thread_;
};

class Associating : public testing::Test, protected SocksAssociation::Listener {
 protected:
  void associate(const Proxying& proxy) {
    auto named = *parse_proxy("socks5://127.0.0.1:1");
    association_.emplace(loop_, named, proxy.address(), std::chrono::seconds{20},
                         static_cast<SocksAssociation::Listener&>(*this));
    loop_.run();
  }
  void on_associated() override {
    associated_ = true;
    const auto text = as_bytes(std::string_view("question"));
    association_->send(*SocketAddress::parse("192.0.2.1:53"), {text, text});
  }
  void on_association_ended(const Error& why) override {
    ended_ = why;
    association_.reset();
    loop_.stop();
  }
  void on_relayed(const SocketAddress& from, Bytes datagram) override {
    got_ += from.to_string() + " " + std::string(as_text(datagram)) + "\n";
  }
  void on_relayed_batch_ended() override {}

  loop::Loop loop_;
  std::optional<SocksAssociation> association_;
  bool associated_ = false;
  std::string got_;
  std::optional<Error> ended_;
};

TEST_F(Associating, CarriesDatagramsUntilTheControlConnectionEnds) {
  const Proxying proxy(IpAddress::v4(0));  // its own address
  associate(proxy);
  EXPECT_TRUE(associated_);
  EXPECT_EQ(got_, "192.0.2.1:53 question\n");
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->code, ErrorCode::kReset);
  EXPECT_NE(ended_->detail.find("ended the association"), std::string::npos) << ended_->detail;
}

TEST_F(Associating, ToldARefusalSaysSo) {
  const Proxying proxy(IpAddress::v4(0), std::string("\x05\x07\x00\x01\0\0\0\0\0\0", 10));
  associate(proxy);
  EXPECT_FALSE(associated_);
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->code, ErrorCode::kProtocol);
  EXPECT_NE(ended_->detail.find("UDP ASSOCIATE"), std::string::npos) << ended_->detail;
}

TEST_F(Associating, SendsNothingToAnAddressOfMany) {
  const Proxying proxy(*IpAddress::parse("224.0.0.1"),
                       std::string("\x05\x00\x00\x01\xe0\x00\x00\x01\x00\x50", 10));
  associate(proxy);
  EXPECT_FALSE(associated_);
  ASSERT_TRUE(ended_);
  EXPECT_NE(ended_->detail.find("no machine's address"), std::string::npos) << ended_->detail;
}

TEST_F(Associating, WithNobodyFails) {
  std::optional<Proxying> gone(std::in_place, IpAddress::v4(0));
  const auto at = gone->address();
  gone.reset();
  association_.emplace(loop_, *parse_proxy("socks5://127.0.0.1:1"), at, std::chrono::seconds{20},
                       static_cast<SocksAssociation::Listener&>(*this));
  loop_.run();
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->code, ErrorCode::kRefused);
}

}  // namespace
}  // namespace culvert::carrier
