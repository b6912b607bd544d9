// service/client_host.h: the sessions of endpoints that live on one loop, by number, and what they
// share there. Which session is whose, and on which loop, its owner knows (service/sessions.h).
//
// All of it runs in that loop's thread, or while that does not run.
#pragma once
#include <functional>
#include <memory>
#include <unordered_map>

#include "service/client_link.h"

namespace culvert::service {

class ClientHost final : private ClientLink::Listener {
 public:
  using Id = ClientLink::Id;
  // Of one that has ended by itself, or after close().
  using Report = std::function<void(Id, const std::string& name, const Error& why)>;
  struct Context {
    loop::Loop& loop;
    loop::Mailbox& mailbox;  // of this loop
    const Config& config;
    const resolver::DnsClient::Options& dns;
    Directory& directory;
    Conferences& conferences;
    PathPackets& path_packets;
    const AddressProver& prover;
    PacketRelays& packet_relays;
  };

  ClientHost(const Context& context, Report report);
  ~ClientHost();

  // Those that are gone are ignored, here and below.
  void adopt(Id id, const Principal& principal, const control::SessionName& session,
             Directory::Place place, session::FreshCarrier carrier);
  void resume(Id id, session::FreshCarrier carrier);
  void attach_lane(Id id, session::FreshCarrier carrier);
  void go_on(Id id, ClientSnapshot from, Directory::Place place, restart::Inherited& sockets);
  void tell(Id id, const control::Message& message);
  void close(Id id, const std::string& reason);
  void drop(Id id);  // without a report
  std::optional<ClientSnapshot> take_snapshot(Id id, restart::Outgoing& out);

  // As Guard has it.
  void set_own(std::set<IpAddress> addresses, std::set<std::uint16_t> front_door_ports) {
    guard_.set_own(std::move(addresses), std::move(front_door_ports));
  }

 private:
  void on_client_down(ClientLink& client, const Error& why) override;
  ClientLink* find(Id id) const;

  const Report report_;
  Guard guard_;
  resolver::DnsClient dns_;
  const ClientLink::Context for_clients_;
  std::unordered_map<Id, std::unique_ptr<ClientLink>> clients_;
};

}  // namespace culvert::service
