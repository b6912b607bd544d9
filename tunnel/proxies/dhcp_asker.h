// tunnel/proxies/dhcp_asker.h: asks the network's DHCP server for what it announces. The thin edge
// of dhcp_inform.h. Needs no privilege: from a port other than 68 most servers answer, too (dnsmasq
// 2.90 within 0.5 ms [measured]; ISC dhcpd answers to port 68 alone).
#pragma once
#include <optional>

#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/fd_watch.h"
#include "tunnel/loop/timer.h"
#include "tunnel/proxies/dhcp_inform.h"

namespace culvert::proxies {

class DhcpAsker final : private loop::FdWatch::Listener, private loop::Timer::Listener {
 public:
  static constexpr std::chrono::milliseconds kRepeat{250}, kLimit{750};

  class Listener {
   public:
    // Once, never from the constructor; may destroy this. `from` is who answered. nullptr: nobody.
    virtual void on_dhcp_answer(DhcpAsker& asker, const DhcpAnswer* answer,
                                const IpAddress& from) = 0;

   protected:
    ~Listener() = default;
  };

  // Asks the gateway, which mostly is the server, and everybody on the link.
  DhcpAsker(loop::Loop& loop, const DhcpInform& question, const IpAddress& gateway,
            Listener& listener);

 private:
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void on_timer(loop::Timer& timer) override;
  void ask();

  DhcpInform question_;
  IpAddress gateway_;
  Listener& listener_;
  UniqueFd fd_;
  std::optional<loop::FdWatch> watch_;
  loop::Timer timer_;
  int asked_ = 0;
};

}  // namespace culvert::proxies
