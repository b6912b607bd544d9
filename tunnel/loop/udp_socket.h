// tunnel/loop/udp_socket.h: one UDP socket, read and written in batches (recvmmsg, sendmmsg,
// UDP_GRO, UDP_SEGMENT: a third of the cost of single calls, a tenth where both ends batch
// [measured]). Decides nothing; what the kernel has no room for is dropped, as UDP is.
#pragma once
#include <optional>
#include <vector>

#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"
#include "tunnel/loop/fd_watch.h"

namespace culvert::loop {

class UdpSocket final : private FdWatch::Listener {
 public:
  static constexpr int kBatch = 16;  // messages of one system call

  class Listener {
   public:
    // Datagrams of `segment` octets one behind the other, the last perhaps shorter; gone when this
    // returns. May destroy the socket.
    virtual void on_received(UdpSocket& socket, const SocketAddress& from, Bytes data,
                             std::size_t segment) = 0;
    // ICMP said so (connected sockets), or the system. May destroy the socket.
    virtual void on_receive_failed(UdpSocket& socket, int error) = 0;
    virtual void on_batch_ended(UdpSocket&) {}  // of several on_received(); may destroy as well

   protected:
    ~Listener() = default;
  };

  UdpSocket(Loop& loop, UniqueFd fd, Listener& listener);
  ~UdpSocket();
  int fd() const { return fd_.get(); }
  void read_now();  // what is there, without waiting for the loop

 private:
  void on_fd_ready(FdWatch&, bool, bool) override { read_now(); }
  bool read_batch();  // false: nothing more now, or destroyed

  Listener& listener_;
  UniqueFd fd_;
  FdWatch watch_;
  bool* destroyed_ = nullptr;  // set while a listener is called
};

// Calls on_datagram(Bytes) for each datagram of on_received().
template <class OnDatagram>
void for_each_datagram(Bytes data, std::size_t segment, OnDatagram on_datagram) {
  if (data.empty()) return on_datagram(data);
  while (!data.empty()) {
    const auto one = data.first(std::min(segment, data.size()));
    data = data.subspan(one.size());
    on_datagram(one);
  }
}

// Gathers datagrams to one destination, and sends them at flush() or when there are many. They must
// stay until then.
class UdpWriter {
 public:
  // `to`: null: to whom the socket is connected. `from`: another address of this machine than the
  // socket's, IPv4.
  UdpWriter(int fd, const SocketAddress* to, const IpAddress* from = nullptr);
  ~UdpWriter() { flush(); }
  UdpWriter(const UdpWriter&) = delete;
  UdpWriter& operator=(const UdpWriter&) = delete;
  void add(Bytes datagram);
  void flush();
  int error() const { return error_; }  // the last; 0: none

 private:
  static constexpr std::size_t kMost = 64;
  void send(bool segmented);

  int fd_;
  sockaddr_storage to_{};
  socklen_t to_length_ = 0;
  std::optional<IpAddress> from_;
  std::array<Bytes, kMost> datagrams_;
  std::size_t count_ = 0;
  int error_ = 0;
};

// A socket for on_received() to be told of runs that the sender sent in one piece. The options that
// every UDP socket of ours has.
UniqueFd make_udp_socket(int family);

}  // namespace culvert::loop
