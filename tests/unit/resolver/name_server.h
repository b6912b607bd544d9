// tests/unit/resolver/name_server.h: a name server of the test's own, so that no answer depends on
// the machine.
#pragma once
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>

#include "resolver/dns_client.h"
#include "tunnel/base/byte_codec.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/fd_watch.h"

namespace culvert::resolver {

// A name server on a loopback port: knows web.example.net (`address`, and that below 2001:db8::),
// says "no such name" to names with "no" in front, and keeps silent for those with "mute" in front.
class NameServer final : private loop::FdWatch::Listener {
 public:
  explicit NameServer(loop::Loop& loop) : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage at{};
    auto length = SocketAddress{IpAddress::v4(INADDR_LOOPBACK), 0}.fill(at);
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
    getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&at), &length);
    at_ = SocketAddress::from(reinterpret_cast<sockaddr*>(&at)).to_string();
    watch_.emplace(loop, fd_.get(), static_cast<loop::FdWatch::Listener&>(*this));
    watch_->start(true, false);
  }
  DnsClient::Options options() const { return {at_, std::chrono::milliseconds{50}, 2}; }
  int asked = 0;
  std::uint32_t address = 0xc0000201;

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
      writer.u32(address);
    }
    sendto(fd_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
  }
  UniqueFd fd_;
  std::string at_;
  std::optional<loop::FdWatch> watch_;
};

}  // namespace culvert::resolver
