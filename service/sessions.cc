#include "service/sessions.h"

#include <algorithm>

#include "tunnel/base/log.h"

namespace culvert::service {

Sessions::Sessions(const Context& context, Listener& listener)
    : context_(context),
      listener_(listener),
      timer_(context.loop, *this),
      renewal_timer_(context.loop, *this) {
  context_.store.watch(std::string(kEndpointPrefix), *this);
  renewal_timer_.start(kRenewals);
}

Sessions::~Sessions() { context_.store.unwatch(*this); }

// Bound to name and key (S17): nobody else's hello can ask for it.
ClientLink* Sessions::find(const Principal& principal, const control::SessionName& session) const {
  const auto found = current_.find(principal.name);
  if (found == current_.end()) return nullptr;
  auto* const client = found->second.get();
  return client->principal().key == principal.key && client->session() == session ? client
                                                                                  : nullptr;
}

bool Sessions::can_resume(const Principal& principal, const control::SessionName& session) const {
  return find(principal, session) != nullptr;
}

bool Sessions::resume(const Principal& principal, const control::SessionName& session,
                      const std::string& from, session::FreshCarrier& carrier) {
  auto* const client = find(principal, session);
  if (client == nullptr) return false;
  log::info("endpoint", {{"event", "resumed"}, {"name", principal.name}, {"from", from}});
  client->resume(std::move(carrier));
  renew_if_due(*client);
  return true;
}

ClientLink::Context Sessions::client_context() {
  return {context_.loop, context_.dns,          context_.guard,  context_.config, *this,
          conferences_,  context_.path_packets, context_.prover, packet_relays_};
}

void Sessions::adopt(Principal principal, const control::SessionName& session,
                     const std::string& from, session::FreshCarrier carrier) {
  const auto name = principal.name;
  end(name,
      "a newer session of this endpoint has taken over; if that was not you, another "
      "machine holds a copy of its key");
  log::info("endpoint", {{"event", "online"}, {"name", name}, {"from", from}});
  const auto [at, fresh] = current_.emplace(
      name,
      std::make_unique<ClientLink>(client_context(), std::move(principal), session,
                                   std::move(carrier), static_cast<ClientLink::Listener&>(*this)));
  renew_if_due(*at->second);
}

void Sessions::renew_if_due(ClientLink& client) {
  const auto& principal = client.principal();
  const auto now = loop::Loop::wall_clock();
  const auto life = Duration{context_.config.certificate_life};
  if (!CertificateRenewal::is_due(principal.certificate, life, now)) return;
  // Whoever shows the former one again is sent what was made: each would cost a commit.
  const auto made = renewed_.find(principal.name);
  if (made != renewed_.end() && made->second.first == principal.key &&
      !CertificateRenewal::is_due(made->second.second, life, now))
    return client.renew_certificate(made->second.second);
  auto& renewal = renewals_[principal.name];
  if (renewal != nullptr && renewal->principal().key == principal.key) return;
  renewal = std::make_unique<CertificateRenewal>(
      context_.loop, CertificateRenewal::Authority{context_.store, context_.signing, life},
      principal, now, static_cast<CertificateRenewal::Listener&>(*this));
}

void Sessions::on_renewal_done(CertificateRenewal& renewal, const Result<ByteVector>& certificate) {
  const auto& [name, key, before] = renewal.principal();
  const auto found = current_.find(name);
  if (certificate)
    log::info("endpoint", {{"event", "certificate-renewed"}, {"name", name}});
  else
    log::warning("endpoint", {{"event", "certificate-not-renewed"},
                              {"name", name},
                              {"why", certificate.error().detail}});
  if (certificate) renewed_.insert_or_assign(name, std::pair{key, *certificate});
  if (certificate && found != current_.end() && found->second->principal().key == key)
    found->second->renew_certificate(*certificate);
  renewals_.erase(std::string(name));
}

void Sessions::go_on(ClientSnapshot from, restart::Inherited& sockets) {
  const auto name = from.principal.name;
  if (current_.contains(name)) return;
  log::info("endpoint", {{"event", "kept"}, {"name", name}, {"streams", from.flows.size()}});
  current_.emplace(name, std::make_unique<ClientLink>(client_context(), std::move(from), sockets,
                                                      static_cast<ClientLink::Listener&>(*this)));
}

std::vector<ClientSnapshot> Sessions::take_snapshots(restart::Outgoing& out) {
  std::vector<ClientSnapshot> all;
  for (const auto& [name, client] : current_) all.push_back(client->take_snapshot(out));
  return all;
}

ClientLink* Sessions::reachable(std::string_view name, std::string_view caller) {
  const auto found = current_.find(name);
  return found != current_.end() && found->second->admits(caller) ? found->second.get() : nullptr;
}

void Sessions::end(const std::string& name, const std::string& reason) {
  const auto found = current_.find(name);
  if (found == current_.end()) return;
  log::info("endpoint", {{"event", "closing"}, {"name", name}, {"why", reason}});
  auto client = std::move(found->second);
  current_.erase(found);
  // One goodbye at a time: who logs in again and again and hears none would keep them all.
  std::erase_if(leaving_, [&](const Leaving& one) { return one.client->principal().name == name; });
  client->close(reason);
  leaving_.push_back({std::move(client), context_.loop.now() + kLeaveLimit});
  if (!timer_.running()) timer_.start(kLeaveLimit);
}

void Sessions::close_all(const std::string& reason) {
  ending_ = true;
  while (!current_.empty()) end(std::string(current_.begin()->first), reason);
  if (leaving_.empty()) timer_.start(Duration::zero());  // told from the loop, as always
}

void Sessions::on_client_down(ClientLink& client, const Error& why) {
  const auto left = std::find_if(leaving_.begin(), leaving_.end(),
                                 [&](const Leaving& one) { return one.client.get() == &client; });
  if (left != leaving_.end()) {
    leaving_.erase(left);
    return maybe_ended();
  }
  const auto found = current_.find(client.principal().name);
  log::info("endpoint", {{"event", "offline"}, {"name", found->first}, {"why", why.detail}});
  current_.erase(found);
}

// Peers that no longer listen do not get to keep their session.
void Sessions::on_timer(loop::Timer& timer) {
  if (&timer == &renewal_timer_) {
    const auto now = loop::Loop::wall_clock();
    std::erase_if(renewed_, [&](const auto& one) {
      return CertificateRenewal::is_due(one.second.second, context_.config.certificate_life, now);
    });
    for (const auto& [name, client] : current_) renew_if_due(*client);
    return renewal_timer_.start(kRenewals);
  }
  const auto now = context_.loop.now();
  std::erase_if(leaving_, [now](const Leaving& one) { return one.until <= now; });
  if (!leaving_.empty()) timer_.start(leaving_.front().until - now);
  maybe_ended();
}

void Sessions::maybe_ended() {
  if (!ending_ || !leaving_.empty()) return;
  ending_ = false;
  listener_.on_all_sessions_ended();
}

void Sessions::on_entry_changed(const StoreEntry& entry, bool removed) {
  const auto name = entry.key.substr(kEndpointPrefix.size());
  const auto found = current_.find(name);
  const auto record = decode_endpoint(entry.value);
  if (found != current_.end()) {
    const auto valid = removed || !record ? judge_record(found->second->principal(), nullptr)
                                          : judge_record(found->second->principal(), &*record);
    if (valid) return;
    end(name, valid.error().detail);
  } else if (!removed && record && !record->revoked) {
    return;
  }
  listener_.on_access_lost(name);
}

}  // namespace culvert::service
