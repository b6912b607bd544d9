#include "service/snapshot.h"

#include "tunnel/restart/state.h"

namespace culvert::service {
namespace {

void encode(const ClientSnapshot& client, Writer& out) {
  out.text16(client.principal.name);
  out.bytes(client.principal.key.view());
  out.block16(client.principal.certificate);
  for (const auto* ports : {&client.ports, &client.udp_ports})
    restart::put_list(out, *ports, [&](std::uint16_t port) { out.u16(port); });
  restart::put_list(out, client.expected, [&](const auto& name) { out.text16(name); });
  session::encode(client.link, out);
  flow::encode(client.flows, out);
}

Result<ClientSnapshot> take_client(Reader& in) {
  ClientSnapshot client;
  client.principal.name = in.text16();
  client.principal.key = crypto::PublicKey{in.array<32>()};
  const auto certificate = in.block16();
  client.principal.certificate.assign(certificate.begin(), certificate.end());
  for (auto* ports : {&client.ports, &client.udp_ports})
    restart::take_list(in, *ports, [&] { return in.u16(); });
  restart::take_list(in, client.expected, [&] { return in.text16(); });
  auto link = session::decode_link_snapshot(in, mux::Role::kResponder);
  if (!link) return fail(link.error());
  client.link = std::move(*link);
  flow::decode(in, client.flows);
  return client;
}

}  // namespace

ByteVector encode(const ServiceSnapshot& snapshot) {
  ByteVector bytes;
  Writer out(bytes);
  restart::begin_state(out, restart::Daemon::kService);
  restart::put_list(out, snapshot.listeners, [&](std::uint64_t cookie) { out.u64(cookie); });
  restart::put_list(out, snapshot.clients, [&](const auto& client) { encode(client, out); });
  return bytes;
}

Result<ServiceSnapshot> decode_service_snapshot(Bytes bytes) {
  Reader in(bytes);
  CULVERT_RETURN_IF_ERROR(restart::check_head(in, restart::Daemon::kService));
  ServiceSnapshot snapshot;
  restart::take_list(in, snapshot.listeners, [&] { return in.u64(); });
  for (auto left = in.u32(); left != 0 && in.ok(); --left) {
    auto client = take_client(in);
    if (!client) return fail(client.error());
    snapshot.clients.push_back(std::move(*client));
  }
  if (!in.done())
    return fail(ErrorCode::kBadInput, "the state left by an earlier process is damaged");
  return snapshot;
}

}  // namespace culvert::service
