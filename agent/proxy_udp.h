// agent/proxy_udp.h: UDP by the SOCKS5 proxy that the session with the service goes through
// (tunnel/carrier/socks_association.h). Who is seen behind such a proxy is seen at its address, by
// TCP and by UDP alike, so the service takes these datagrams as the endpoint's.
//
//   none -> (look) opening -> open -> (not used, lost, refused) none
//
// Opened when a path is looked for, closed after kIdle without datagrams. What the proxy refuses is
// remembered for kRefused; what fails or is lost is tried again with growing pauses.
#pragma once
#include <limits>
#include <optional>
#include <string>

#include "agent/udp_place.h"
#include "tunnel/carrier/socks_association.h"
#include "tunnel/carrier/way.h"
#include "tunnel/punch/patience.h"

namespace culvert::agent {

class ProxyUdp final : private carrier::SocksAssociation::Listener, private loop::Timer::Listener {
 public:
  // As path::Route has it.
  static constexpr std::size_t kSocket = std::numeric_limits<std::size_t>::max();
  static constexpr std::chrono::seconds kIdle{60}, kLimit{5};
  static constexpr std::chrono::hours kRefused{1};

  class Listener {
   public:
    virtual void on_proxy_udp_lost() = 0;  // it was open

   protected:
    ~Listener() = default;
  };
  class Waiter {
   public:
    virtual void on_proxy_udp_looked() = 0;  // it is open now, or not to be had

   protected:
    ~Waiter() = default;
  };

  // `udp`: gets the datagrams, as if they had come to a socket of its own.
  ProxyUdp(const OwnEndpoint& self, UdpPlace& udp, Listener& listener);
  ~ProxyUdp();

  // That the session goes now. Without a SOCKS5 proxy, or with others before it, there is no UDP.
  // True: it is another proxy than before.
  bool set_way(const carrier::Way& way);
  void network_changed();  // nothing is known of the proxies of this one

  // True: one is being opened, and the waiter is told. False: there is one, or none now.
  bool look(Waiter& waiter);
  void forget(const Waiter& waiter);
  // Nothing gets through it: another one is tried later.
  void give_up(const std::string& why);

  const loop::UdpSocket* socket() const { return open_ ? association_->socket() : nullptr; }
  void send(const SocketAddress& to, const std::vector<Bytes>& datagrams);
  // When look() may open one; nothing: the proxy refuses, or there is none.
  std::optional<TimePoint> try_at() const;

  bool has_proxy() const { return proxy_.has_value(); }
  const std::string& why_not() const { return why_not_; }  // for people; empty: open, or not tried

 private:
  void on_associated() override;
  void on_association_ended(const Error& why) override;
  void on_relayed(const SocketAddress& from, Bytes datagram) override;
  void on_relayed_batch_ended() override;
  void on_timer(loop::Timer& timer) override;
  void close();
  void tell_waiter();

  const OwnEndpoint& self_;
  UdpPlace& udp_;
  Listener& listener_;
  std::optional<carrier::Proxy> proxy_;
  SocketAddress at_;
  std::optional<carrier::SocksAssociation> association_;
  bool open_ = false, used_ = false, refused_ = false;
  TimePoint not_before_{}, open_since_{};
  std::string why_not_;
  punch::Patience patience_;
  Waiter* waiter_ = nullptr;
  loop::Timer timer_;
};

}  // namespace culvert::agent
