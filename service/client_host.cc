#include "service/client_host.h"

namespace culvert::service {

ClientHost::ClientHost(const Context& context, Report report)
    : report_(std::move(report)),
      guard_(context.config.forwarding.allow, context.config.forwarding.deny),
      dns_(context.loop, context.dns),
      for_clients_{context.loop,
                   context.mailbox,
                   dns_,
                   guard_,
                   context.config,
                   context.directory,
                   context.conferences,
                   context.path_packets,
                   context.prover,
                   context.packet_relays} {}

ClientHost::~ClientHost() = default;

ClientLink* ClientHost::find(Id id) const {
  const auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : found->second.get();
}

void ClientHost::adopt(Id id, const Principal& principal, const control::SessionName& session,
                       Directory::Place place, session::FreshCarrier carrier) {
  clients_.emplace(id, std::make_unique<ClientLink>(for_clients_, id, principal, session,
                                                    std::move(place), std::move(carrier),
                                                    static_cast<ClientLink::Listener&>(*this)));
}

void ClientHost::go_on(Id id, ClientSnapshot from, Directory::Place place,
                       restart::Inherited& sockets) {
  clients_.emplace(
      id, std::make_unique<ClientLink>(for_clients_, id, std::move(from), std::move(place), sockets,
                                       static_cast<ClientLink::Listener&>(*this)));
}

// Gone in this very moment: the end of the pipe tells the endpoint, which asks once more.
void ClientHost::resume(Id id, session::FreshCarrier carrier) {
  if (auto* const client = find(id))
    client->resume(std::move(carrier));
  else
    carrier.pipe->abort();
}

void ClientHost::attach_lane(Id id, session::FreshCarrier carrier) {
  if (auto* const client = find(id))
    client->attach_lane(std::move(carrier));
  else
    carrier.pipe->abort();
}

void ClientHost::tell(Id id, const control::Message& message) {
  if (auto* const client = find(id)) client->send(message);
}

void ClientHost::close(Id id, const std::string& reason) {
  if (auto* const client = find(id)) client->close(reason);
}

void ClientHost::drop(Id id) { clients_.erase(id); }

std::optional<ClientSnapshot> ClientHost::take_snapshot(Id id, restart::Outgoing& out) {
  auto* const client = find(id);
  return client == nullptr ? std::nullopt : std::optional(client->take_snapshot(out));
}

void ClientHost::on_client_down(ClientLink& client, const Error& why) {
  report_(client.id(), client.name(), why);
  clients_.erase(client.id());
}

}  // namespace culvert::service
