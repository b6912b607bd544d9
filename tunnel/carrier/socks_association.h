// tunnel/carrier/socks_association.h: one UDP association with a SOCKS5 proxy (RFC 1928 sections 6
// and 7): the control connection, which has to stay, and the socket whose datagrams the proxy
// relays. Decides nothing: when one is wanted, and what its end means, is the owner's.
//
// The socket is connected to where the proxy wants the datagrams, so it hears nobody else. A proxy
// may name any unicast address for that; none of this machine's own unless it runs here itself.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "tunnel/carrier/proxy.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/tcp_dial.h"
#include "tunnel/loop/udp_socket.h"

namespace culvert::carrier {

class Socks;
class Stack;

class SocksAssociation final : private loop::TcpDial::Listener,
                               private loop::BytePipe::Listener,
                               private loop::UdpSocket::Listener,
                               private loop::Timer::Listener {
 public:
  class Listener {
   public:
    virtual void on_associated() = 0;  // may destroy it
    // It was refused or lost: kNotPermitted, kProtocol, kAuthentication if the proxy does not want
    // to. Once, never from the constructor; may destroy it.
    virtual void on_association_ended(const Error& why) = 0;
    // Gone when this returns; may not destroy it.
    virtual void on_relayed(const SocketAddress& from, Bytes datagram) = 0;
    virtual void on_relayed_batch_ended() = 0;

   protected:
    ~Listener() = default;
  };

  // `at`: of the proxy, which is kSocks5 and has none before it. `limit`: for the connection, and
  // once more for the conversation.
  SocksAssociation(loop::Loop& loop, const Proxy& proxy, const SocketAddress& at, Duration limit,
                   Listener& listener);
  ~SocksAssociation();

  const loop::UdpSocket* socket() const { return socket_ ? &*socket_ : nullptr; }  // once there
  // Dropped where the socket has no room, or a datagram with its header does not fit the network.
  void send(const SocketAddress& to, const std::vector<Bytes>& datagrams);

 private:
  void on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) override;
  void on_readable() override;
  void on_writable() override;
  void on_broken(int error) override;
  void on_received(loop::UdpSocket& socket, const SocketAddress& from, Bytes data,
                   std::size_t segment) override;
  void on_receive_failed(loop::UdpSocket& socket, int error) override;
  void on_batch_ended(loop::UdpSocket&) override { listener_.on_relayed_batch_ended(); }
  void on_timer(loop::Timer& timer) override;
  Result<void> open_socket(SocketAddress relay);
  void ended(const Error& why);

  loop::Loop& loop_;
  Proxy proxy_;
  SocketAddress at_;
  Duration limit_;
  Listener& listener_;
  std::unique_ptr<loop::BytePipe> control_;
  Stack* opening_ = nullptr;  // the top of control_, while it has its conversation
  std::optional<loop::UdpSocket> socket_;
  ByteVector scratch_;
  std::optional<Error> failure_;  // to be told when the timer comes
  loop::Timer timer_;
  std::optional<loop::TcpDial> dial_;
};

}  // namespace culvert::carrier
