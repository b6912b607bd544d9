// resolver/dns_server.h: the sockets of a name server for the programs of this machine: UDP and TCP
// on one loopback address (RFC 1035 section 4.2, RFC 7766). Does not look into messages.
#pragma once
#include <list>
#include <memory>
#include <optional>

#include "resolver/dns_tcp_client.h"
#include "tunnel/loop/tcp_listener.h"

namespace culvert::resolver {

class DnsServer final : private loop::FdWatch::Listener,
                        private loop::TcpListener::Listener,
                        private DnsTcpClient::Listener,
                        private loop::Timer::Listener {
 public:
  static constexpr std::size_t kMostConnections = 128;
  static constexpr std::chrono::seconds kIdle{10};  // RFC 7766 section 6.2.3 asks for "seconds"

  class Handler {
   public:
    virtual void on_dns_message(std::unique_ptr<DnsAsker> asker) = 0;

   protected:
    ~Handler() = default;
  };

  DnsServer(loop::Loop& loop, Handler& handler);
  ~DnsServer();  // who has asked and is not answered may outlive it
  // Port 0: one that is free for both. kNotPermitted also for an address that is in use.
  Result<void> listen(const SocketAddress& at);
  const SocketAddress& address() const { return tcp_.address(); }

 private:
  static constexpr int kAtOnce = 64;  // datagrams read in one turn: others must get theirs
  class Datagram;

  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void on_accepted(UniqueFd fd, const SocketAddress& peer) override;
  void on_dns_message(std::unique_ptr<DnsAsker> asker) override;
  void on_dns_client_gone(DnsTcpClient& client) override;
  void on_timer(loop::Timer& timer) override;
  Result<UniqueFd> bind_udp(const SocketAddress& at);

  loop::Loop& loop_;
  Handler& handler_;
  std::shared_ptr<UniqueFd> udp_;  // shared with the askers of datagrams
  std::optional<loop::FdWatch> watch_;
  loop::TcpListener tcp_;
  std::list<std::shared_ptr<DnsTcpClient>> clients_;
  loop::Timer idle_;
};

}  // namespace culvert::resolver
