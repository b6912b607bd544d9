// tests/bench/datagram_load.h: what the client and the server of culvert-bench-datagrams share.
//
// Errors end the program with a message: a bench has nobody to recover for.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/bench/job.h"

namespace culvert::bench {

// Datagrams of one system call, in and out.
class Batch {
 public:
  static constexpr std::size_t kMost = 32, kLargest = 1500;

  Batch();
  // How many came; 0: none within the socket's time.
  std::size_t receive(int fd);
  void send(int fd, std::size_t count);  // with their lengths, to where they came from or to `to`
  std::size_t size(std::size_t i) const { return messages_[i].msg_len; }
  std::byte* data(std::size_t i) { return octets_[i].data(); }
  void set(std::size_t i, const std::byte* data, std::size_t size, const sockaddr_in* to);
  void keep_size(std::size_t i) { pieces_[i].iov_len = messages_[i].msg_len; }

 private:
  std::array<std::array<std::byte, kLargest>, kMost> octets_;
  std::array<iovec, kMost> pieces_;
  std::array<sockaddr_in, kMost> peers_;
  std::array<mmsghdr, kMost> messages_;
};

UniqueFd udp_socket();
// Sends back what comes, in batches; prints the port first.
[[noreturn]] void serve_datagrams(const std::string& address, std::uint16_t port);

// What leads through a TURN server (RFC 8656): an allocation, and a channel to the peer. The socket
// is connected to the server.
inline constexpr std::uint16_t kChannel = 0x4000;
void open_channel(int fd, const sockaddr_in& peer);

}  // namespace culvert::bench
