// agent/direct_attempt.h: tries to connect to an ordinary host without the service: resolves it
// here, and tries its addresses one after the other, each with its share of kLimit.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "resolver/dns_client.h"
#include "tunnel/loop/tcp_dial.h"

namespace culvert::agent {

class DirectAttempt final : private resolver::DnsRequest::Listener,
                            private loop::TcpDial::Listener,
                            private loop::Timer::Listener {
 public:
  // A firewall that drops what it does not like is noticed by waiting alone; a program's own limit
  // is rarely below ten seconds, and the service needs some of them.
  static constexpr std::chrono::seconds kLimit{4};
  static constexpr std::size_t kMostAddresses = 4;

  class Listener {
   public:
    // Connected, or why not. Once, never from inside the constructor; destroy it.
    virtual void on_direct(UniqueFd connected, const Error& why) = 0;

   protected:
    ~Listener() = default;
  };

  // `host`: a canonical name, or an address as text.
  DirectAttempt(loop::Loop& loop, resolver::DnsClient& dns, const std::string& host,
                std::uint16_t port, Listener& listener);

 private:
  void on_resolved(resolver::DnsRequest& request,
                   Result<std::vector<IpAddress>> addresses) override;
  void on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) override;
  void on_timer(loop::Timer&) override { dial_next(); }
  void dial_next();
  void fail(const Error& why);

  loop::Loop& loop_;
  std::uint16_t port_;
  Listener& listener_;
  TimePoint deadline_;
  std::vector<IpAddress> addresses_;
  std::size_t next_ = 0;
  Error failure_{ErrorCode::kHostUnreachable, "it has no address"};
  std::optional<resolver::DnsRequest> resolving_;
  std::optional<loop::TcpDial> dial_;
  loop::Timer timer_;  // the first dial of an address, and the limit of the look-up
};

}  // namespace culvert::agent
