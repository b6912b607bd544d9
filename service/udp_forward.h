// service/udp_forward.h: datagrams that an endpoint wants sent to an ordinary host: resolves, asks
// the guard about the very address, and hands a connected socket over: what comes back comes from
// whom was asked, and goes to who asked. To hosts that take media by TCP alone, that socket is of
// TCP (tunnel/flow/media_flow.h).
#pragma once
#include <optional>

#include "resolver/dns_client.h"
#include "service/guard.h"
#include "tunnel/loop/tcp_dial.h"
#include "tunnel/session/session_link.h"

namespace culvert::service {

class UdpForward final : private session::SessionLink::StreamHandler,
                         private resolver::DnsRequest::Listener,
                         private loop::TcpDial::Listener {
 public:
  static constexpr std::size_t kMostFirst = 16, kMostFirstOctets = 64 * 1024;  // while it resolves

  class Listener {
   public:
    // One of them, once: destroy it.
    virtual void on_udp_forward_ready(UdpForward& forward, UniqueFd destination) = 0;
    virtual void on_udp_forward_ended(UdpForward& forward) = 0;
    virtual bool may_log() = 0;  // that it was denied; see service/line_budget.h

   protected:
    ~Listener() = default;
  };
  struct Context {
    loop::Loop& loop;
    resolver::DnsClient& dns;
    const Guard& guard;
    NamedBy named_by;
    bool by_tcp;                                // whatever its address
    const std::vector<IpPrefix>& media_by_tcp;  // hosts to which it goes by TCP
    Duration connect_limit;                     // of TCP
  };

  UdpForward(const Context& context, session::SessionLink& link, mux::StreamId stream,
             const control::Target& target, std::string_view endpoint, Listener& listener);
  ~UdpForward();
  void start();  // may end it at once
  mux::StreamId stream() const { return stream_; }
  const std::vector<ByteVector>& first() const { return first_; }  // came meanwhile
  bool by_tcp() const { return by_tcp_; }

 private:
  void on_stream_accepted() override {}
  void on_stream_readable() override {}  // the flow refuses it
  void on_stream_writable() override {}
  void on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) override;
  void on_stream_reset(const Error& why) override;
  void on_resolved(resolver::DnsRequest& request,
                   Result<std::vector<IpAddress>> addresses) override;
  void on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) override;
  void open(const std::vector<IpAddress>& addresses);
  void hand_over(const SocketAddress& to, UniqueFd socket);
  bool goes_by_tcp(const IpAddress& address) const;
  Result<UniqueFd> open(const SocketAddress& permitted) const;
  void refuse(const Error& why);

  Context context_;
  session::SessionLink& link_;
  mux::StreamId stream_;
  control::Target target_;
  std::string endpoint_;  // whose stream it is, for the log
  Listener& listener_;
  std::optional<resolver::DnsRequest> resolving_;
  std::optional<loop::TcpDial> dial_;
  std::vector<ByteVector> first_;
  std::size_t first_octets_ = 0;
  bool by_tcp_ = false, stream_gone_ = false;
};

}  // namespace culvert::service
