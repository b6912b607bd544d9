// agent/announcements.h: asks the link's machines by multicast what may lead out: for proxies by
// SLP (tunnel/proxies/service_location.h), and for Internet gateways by UPnP
// (tunnel/portmap/ssdp.h), beside whom a proxy may listen that nobody names. Only who is asked from
// the own address, on the own link, hears it (TTL 1).
#pragma once
#include <array>
#include <optional>
#include <set>
#include <string>

#include "tunnel/base/address.h"
#include "tunnel/base/random.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/fd_watch.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

class Announcements final : private loop::FdWatch::Listener, private loop::Timer::Listener {
 public:
  static constexpr std::chrono::milliseconds kRepeat{250}, kLimit{750};  // as DhcpAsker
  static constexpr int kMostAnswers = 64;

  class Listener {
   public:
    // None of the two may destroy this. `url` as in proxies::Hint; each once.
    virtual void on_proxy_announced(const std::string& url, const IpAddress& by) = 0;
    virtual void on_gateway_announced(const IpAddress& gateway) = 0;
    virtual void on_announcements_ended() = 0;  // once, from the loop; may destroy this

   protected:
    ~Listener() = default;
  };

  Announcements(loop::Loop& loop, Random& random, const IpAddress& own, Listener& listener);

 private:
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void on_timer(loop::Timer& timer) override;
  void ask();
  void send(Bytes packet, const SocketAddress& to);
  void take(Bytes packet, const SocketAddress& from);

  Listener& listener_;
  std::array<std::uint16_t, 2> transactions_{};  // of SLP, one for each type
  UniqueFd fd_;
  std::optional<loop::FdWatch> watch_;
  loop::Timer timer_;
  int asked_ = 0, answers_ = 0;
  std::set<std::string> heard_;  // it is asked more than once
};

}  // namespace culvert::agent
