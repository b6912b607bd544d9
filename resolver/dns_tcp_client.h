// resolver/dns_tcp_client.h: one connection to a DnsServer: messages with their length in front
// (RFC 1035 section 4.2.2), many under way at a time and answered in any order (RFC 7766). A
// client that does not read its answers is not read.
#pragma once
#include <memory>

#include "resolver/dns_asker.h"
#include "tunnel/base/byte_queue.h"
#include "tunnel/base/time.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::resolver {

// Takes whole messages off the front of what has come. Does no I/O.
class DnsFraming {
 public:
  static constexpr std::size_t kLargest = 4096;  // of a question; nobody needs more

  void receive(Bytes octets) { in_.append(octets); }
  // False: nothing whole is there (yet).
  bool take(ByteVector& message);
  bool broken() const { return broken_; }  // a message of no or too many octets was announced

 private:
  ByteQueue in_;
  bool broken_ = false;
};

class DnsTcpClient final : private loop::BytePipe::Listener,
                           public std::enable_shared_from_this<DnsTcpClient> {
 public:
  static constexpr std::size_t kMostUnderWay = 32, kMostUnsent = 128 * 1024;

  class Listener {
   public:
    virtual void on_dns_message(std::unique_ptr<DnsAsker> asker) = 0;
    virtual void on_dns_client_gone(DnsTcpClient& client) = 0;  // drop it

   protected:
    ~Listener() = default;
  };

  DnsTcpClient(loop::Loop& loop, UniqueFd connected, const SocketAddress& peer, Listener& listener);
  void start();  // once it is owned by a shared_ptr
  // Since nothing was under way.
  bool idle_since(TimePoint time) const { return under_way_ == 0 && active_at_ <= time; }
  void close();

 private:
  class Asker;
  void on_readable() override;
  void on_writable() override { flush(); }
  void on_broken(int) override { end(); }
  void send(Bytes message);
  void answered();
  void flush();
  void hand_over();
  void update_interest();
  void end();

  loop::Loop& loop_;
  loop::TcpSocket socket_;
  SocketAddress peer_;
  Listener* listener_;  // null: closed
  DnsFraming framing_;
  ByteQueue out_;
  std::size_t under_way_ = 0;
  TimePoint active_at_;
  bool input_ended_ = false;
};

}  // namespace culvert::resolver
