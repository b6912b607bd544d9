// The two ends of forwarded datagrams.
#pragma once
#include <arpa/inet.h>
#include <sys/socket.h>

#include "datagram_program.h"

namespace culvert::service {

// An ordinary host at 127.0.0.5.
struct OrdinaryHost {
  OrdinaryHost() : fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = ::inet_addr("127.0.0.5");
    socklen_t length = sizeof at;
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &length);
    port = ntohs(at.sin_port);
  }
  std::string receive() {
    std::array<char, 2048> buffer;
    socklen_t length = sizeof last;
    const auto got = ::recvfrom(fd.get(), buffer.data(), buffer.size(), 0,
                                reinterpret_cast<sockaddr*>(&last), &length);
    return got < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(got));
  }
  void answer(std::string_view text) const { send_from(fd.get(), text); }
  void send_from(int socket, std::string_view text) const {
    ::sendto(socket, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&last),
             sizeof last);
  }
  UniqueFd fd;
  std::uint16_t port = 0;
  sockaddr_in last{};
};

class Asker final : public DatagramProgram {
 public:
  Asker(TestEndpoint& endpoint, const std::string& host, std::uint16_t port)
      : DatagramProgram(endpoint, {control::Target::Kind::kForwardUdp, host, port}) {}
  void leave() {
    link_.refuse(stream_, ErrorCode::kClosed, "the program has closed its socket");
    link_.schedule();
  }
};

}  // namespace culvert::service
