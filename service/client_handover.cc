// A session of an endpoint, from one process of the service to the next one.
#include <sys/socket.h>

#include "service/client_link.h"

namespace culvert::service {

ClientLink::ClientLink(const Context& context, Id id, ClientSnapshot from, Directory::Place place,
                       restart::Inherited& sockets, Listener& listener)
    : context_(context),
      id_(id),
      name_(std::move(from.principal.name)),
      key_(from.principal.key),
      place_(std::move(place)),
      self_(*this, context.mailbox),
      listener_(listener),
      session_(from.link.name),
      ports_(std::move(from.ports)),
      udp_ports_(std::move(from.udp_ports)),
      link_(context.loop, from.link, context.config.limits.resume, *this),
      datagram_budget_(budget(context.config)),
      datagrams_(context.loop, &datagram_budget_),
      media_budget_(budget(context.config)) {
  auto& directory = context_.directory;
  directory.set_published(place_, is_published());
  directory.set_expected(place_, std::move(from.expected));
  directory.set_away_since(place_, context_.loop.now());
  directory.set_link(place_, self_);
  go_on(from, sockets);
  tell_discovery_servers();  // the configuration may be another one
}

// Streams whose destination is not connected yet are opened anew by the link itself.
void ClientLink::go_on(const ClientSnapshot& from, restart::Inherited& sockets) {
  flow::go_on(from.flows, session::streams_with_owners(from.link), sockets, context_.loop, link_,
              flows_, [this](int socket) { return may_go_on(socket); });
}

// What the configuration forbids by now is not carried on.
bool ClientLink::may_go_on(int socket) const {
  sockaddr_storage remote{};
  socklen_t size = sizeof remote;
  // A socket that was reset has no peer any more: the flow finds that out by itself.
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&remote), &size) != 0)
    return context_.config.forwarding.enabled;
  const auto destination = SocketAddress::from(reinterpret_cast<sockaddr*>(&remote));
  if (is_gateway(destination))
    return context_.guard.check(destination, NamedBy::kAdministrator).has_value();
  return context_.config.forwarding.enabled && context_.guard.check(destination).has_value();
}

ClientSnapshot ClientLink::take_snapshot(restart::Outgoing& out) {
  for (const auto& [key, lookup] : lookups_) {
    control::Found found;
    found.query = lookup->query();
    found.error = ErrorCode::kTryAgain;
    found.detail = "the service is being started anew";
    send(found);
  }
  ClientSnapshot snapshot;
  snapshot.principal = {name_, key_, context_.directory.certificate(place_)};
  snapshot.ports = ports_;
  snapshot.udp_ports = udp_ports_;
  snapshot.expected = context_.directory.expected(place_);
  snapshot.flows = flow::take_snapshots(flows_, link_, out);
  snapshot.link = link_.take_snapshot();
  snapshot.link.name = session_;
  return snapshot;
}

}  // namespace culvert::service
