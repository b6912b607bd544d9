// agent/dns_desk.h: the agent's name server, for programs that bring a resolver of their own (dig,
// c-ares, Go, musl): names of the service domain and those that go through the service are answered
// as the NSS module would, everything else is passed on to the system's name servers unseen.
//
//   the name            A        HTTPS, SVCB, AAAA, ANY    other types
//   virtual             address  no data (ANY: address)    no data
//   virtual, not there  NXDOMAIN in every type
//   forwarded           address  no data (ANY: address)    passed on; no data instead of NXDOMAIN
//   of a virtual address (PTR)   the name
//   when the service or we cannot say: SERVFAIL
#pragma once
#include <list>

#include "agent/destinations.h"
#include "agent/identity.h"
#include "agent/inet_diag.h"
#include "agent/name_desk.h"
#include "resolver/dns_forwarder.h"
#include "resolver/dns_message.h"
#include "resolver/dns_server.h"

namespace culvert::agent {

class DnsDesk final : private resolver::DnsServer::Handler {
 public:
  static constexpr std::size_t kMostWaiting = 1024;  // questions, of each kind

  DnsDesk(loop::Loop& loop, const AgentConfig& config, const Identity& identity,
          const Destinations& destinations, NameDesk& names, const resolver::AddressPool& pool);
  ~DnsDesk();

  // Where it serves. kNotPermitted: all addresses tried are taken; the message says which.
  Result<SocketAddress> start();
  void admit_everybody(bool admit) { open_to_all_ = admit; }

 private:
  class Inquiry;  // at the NameDesk
  class Passing;  // at the forwarder

  void on_dns_message(std::unique_ptr<resolver::DnsAsker> asker) override;
  bool may_ask(const resolver::DnsAsker& asker);
  void decide(std::unique_ptr<resolver::DnsAsker> asker, resolver::DnsQuery query);
  void answer_pointer(resolver::DnsAsker& asker, const resolver::DnsQuery& query,
                      const IpAddress& address);
  bool is_forwarded(std::string_view name) const;
  void pass_on(std::unique_ptr<resolver::DnsAsker> asker, resolver::DnsQuery query);
  void on_passed(Passing& passing, Result<ByteVector> answer);
  void drop(const Passing& passing);

  const AgentConfig& config_;
  const Identity& identity_;
  const Destinations& destinations_;
  NameDesk& names_;
  const resolver::AddressPool& pool_;
  bool open_to_all_ = false;
  InetDiag diag_;
  resolver::DnsForwarder forwarder_;
  std::list<std::unique_ptr<Passing>> passings_;
  std::shared_ptr<DnsDesk*> alive_;  // inquiries may outlive us: they then ask nobody
  resolver::DnsServer server_;
};

}  // namespace culvert::agent
