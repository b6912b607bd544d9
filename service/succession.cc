#include "service/succession.h"

#include "tunnel/base/log.h"

namespace culvert::service {

void Succession::begin(std::vector<ClientSnapshot> clients, restart::Inherited sockets) {
  clients_ = std::move(clients);
  sockets_ = std::move(sockets);
  std::vector<std::string> keys;
  for (const auto& client : clients_) keys.push_back(endpoint_key(client.principal.name));
  if (keys.empty()) return call_.complete(StoreCall::Answer{});
  authority_.store.get(call_, keys);
}

Result<Principal> Succession::judge(const Principal& principal) const {
  auto shown = judge_certificate(principal.certificate, principal.key, authority_.signer,
                                 authority_.domain, loop::Loop::wall_clock());
  if (!shown) return fail(shown.error());
  if (shown->name != principal.name)
    return fail(ErrorCode::kAuthentication, "the name certificate is of another name");
  const auto& answer = call_.answer();
  if (!answer) return fail(answer.error());
  const auto* entry = answer->find(endpoint_key(principal.name));
  if (entry == nullptr) return fail(judge_record(*shown, nullptr).error());
  const auto record = decode_endpoint(entry->value);
  if (!record) return fail(record.error());
  CULVERT_RETURN_IF_ERROR(judge_record(*shown, &*record));
  return shown;
}

void Succession::on_store_answer(StoreCall&) {
  for (auto& client : std::exchange(clients_, {})) {
    auto principal = judge(client.principal);
    if (!principal) {
      log::warning("endpoint", {{"event", "not-kept"},
                                {"name", client.principal.name},
                                {"why", principal.error().detail}});
      continue;
    }
    client.principal = std::move(*principal);
    sessions_.go_on(std::move(client), sockets_);
  }
  sockets_ = {};  // nobody's
  listener_.on_succeeded();
}

}  // namespace culvert::service
