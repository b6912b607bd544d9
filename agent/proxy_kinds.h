// agent/proxy_kinds.h: whether proxies are of the kind that they are called. Scripts say PROXY of a
// SOCKS port, and variables https:// of what speaks no TLS; browsers take them at their word.
//
// While a proxy that was named has not led out for kAfter, or as soon as a way by one has failed,
// one request shows what it speaks (tunnel/proxies/probe_answer.h); if that is another kind, it is
// told as one more proxy. Knows nothing of chains, and does not judge what was probed already.
#pragma once
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "resolver/dns_client.h"
#include "tunnel/carrier/proxy.h"
#include "tunnel/proxies/probe.h"
#include "tunnel/proxies/probe_answer.h"

namespace culvert::agent {

// What else a proxy may be that is called `named` and answered like this; most likely first.
std::vector<carrier::ProxyKind> other_kinds(carrier::ProxyKind named, proxies::Spoken heard);

class ProxyKinds final : private loop::Timer::Listener,
                         private resolver::DnsRequest::Listener,
                         private proxies::Probe::Listener {
 public:
  static constexpr std::chrono::milliseconds kAfter{250}, kLimit{1000};

  class Listener {
   public:
    // `others`: the same place as other kinds, with its source; empty: it is what it is called.
    // Once for each proxy that answers. May not destroy this.
    virtual void on_kind_heard(const carrier::Proxy& named, proxies::Spoken heard,
                               const std::vector<carrier::Proxy>& others) = 0;
    virtual void on_kinds_checked() = 0;  // nothing is under way any more

   protected:
    ~Listener() = default;
  };

  ProxyKinds(loop::Loop& loop, resolver::DnsClient& dns, HostPort service, Listener& listener);

  void check(const carrier::Proxy& named);
  void hurry();  // those that wait are asked now
  bool busy() const { return !waiting_.empty() || !checks_.empty(); }
  void stop();  // a way out was found

 private:
  struct Check {
    carrier::Proxy named;
    std::unique_ptr<resolver::DnsRequest> name;
    std::unique_ptr<proxies::Probe> probe;
  };
  void on_timer(loop::Timer& timer) override;
  void on_resolved(resolver::DnsRequest& request,
                   Result<std::vector<IpAddress>> addresses) override;
  void on_heard(proxies::Probe& probe, Bytes heard, bool last, int error) override;
  void ask(Check& check, const IpAddress& address);
  void end(std::list<Check>::iterator check);

  loop::Loop& loop_;
  resolver::DnsClient& dns_;
  HostPort service_;
  Listener& listener_;
  std::vector<carrier::Proxy> waiting_;
  std::list<Check> checks_, ended_;
  loop::Timer start_, clear_;
};

}  // namespace culvert::agent
