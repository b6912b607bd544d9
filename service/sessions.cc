#include "service/sessions.h"

#include <algorithm>

#include "tunnel/base/log.h"

namespace culvert::service {

Sessions::Sessions(const Context& context, Listener& listener)
    : context_(context),
      listener_(listener),
      bridges_(context.loop, context.mailbox),
      timer_(context.loop, *this),
      renewal_timer_(context.loop, *this) {
  const auto& threads = context_.threads;
  for (std::size_t i = 0; i < threads.size(); ++i)
    add_place(&threads[i], threads[i].loop(), threads[i].mailbox());
  if (places_.empty()) add_place(nullptr, context_.loop, context_.mailbox);
  context_.store.watch(std::string(kEndpointPrefix), *this);
  renewal_timer_.start(kRenewals);
}

Sessions::~Sessions() { context_.store.unwatch(*this); }

void Sessions::add_place(loop::LoopThread* thread, loop::Loop& loop, loop::Mailbox& mailbox) {
  auto host = std::make_unique<ClientHost>(
      ClientHost::Context{loop, mailbox, context_.config, context_.dns, context_.directory,
                          conferences_, context_.path_packets, context_.prover, packet_relays_},
      [this](ClientHost::Id id, const std::string& name, const Error& why) {
        context_.mailbox.post([this, id, name, why] { on_ended(id, name, why); });
      });
  places_.push_back(std::make_unique<Place>(Place{thread, &mailbox, std::move(host)}));
}

template <class Work>
void Sessions::at(Place& place, Work work) {
  if (place.thread == nullptr || !place.thread->running()) return work(*place.host);
  place.thread->post([host = place.host.get(), work = std::move(work)]() mutable { work(*host); });
}

// work(host, carrier). False: the carrier cannot be brought there, and is gone.
template <class Work>
bool Sessions::at_with(Place& place, session::FreshCarrier carrier, Work work) {
  auto* const loop = place.thread == nullptr ? nullptr : &place.thread->loop();
  if (loop != nullptr) {
    if (!carrier.pipe->can_move()) carrier.pipe = bridges_.cross(std::move(carrier.pipe));
    if (carrier.pipe == nullptr) return false;
    carrier.pipe->leave_loop();
  }
  at(place, [loop, carrier = std::move(carrier), work = std::move(work)](ClientHost& host) mutable {
    if (loop != nullptr) carrier.pipe->enter_loop(*loop);
    work(host, std::move(carrier));
  });
  return true;
}

// Bound to name and key (S17): nobody else's hello can ask for it.
Sessions::Seat* Sessions::find(const Principal& principal, const control::SessionName& session) {
  const auto found = current_.find(principal.name);
  if (found == current_.end()) return nullptr;
  auto& seat = found->second;
  return seat.key == principal.key && seat.session == session ? &seat : nullptr;
}

Sessions::Seat& Sessions::seat(const Principal& principal, const control::SessionName& session) {
  auto& place = **std::ranges::min_element(
      places_, {}, [](const std::unique_ptr<Place>& one) { return one->sessions; });
  ++place.sessions;
  const auto id = ++last_;
  return current_
      .emplace(principal.name, Seat{id, &place, principal.key, session,
                                    context_.directory.enter(principal.name, principal.certificate,
                                                             *place.mailbox)})
      .first->second;
}

void Sessions::adopt(const Principal& principal, const control::SessionName& session,
                     const std::string& from, session::FreshCarrier carrier) {
  end(principal.name,
      "a newer session of this endpoint has taken over; if that was not you, another "
      "machine holds a copy of its key");
  log::info("endpoint", {{"event", "online"}, {"name", principal.name}, {"from", from}});
  auto& taken = seat(principal, session);
  const bool brought =
      at_with(*taken.place, std::move(carrier),
              [id = taken.id, entry = taken.entry, principal, session](
                  ClientHost& host, session::FreshCarrier there) mutable {
                host.adopt(id, principal, session, std::move(entry), std::move(there));
              });
  if (!brought) return end(principal.name, "the service has no more descriptors");
  renew_if_due(principal, taken);
}

void Sessions::resume(const Principal& principal, const control::SessionName& session,
                      const std::string& from, session::FreshCarrier carrier) {
  auto* const there = find(principal, session);
  if (there == nullptr) return carrier.pipe->abort();
  log::info("endpoint", {{"event", "resumed"}, {"name", principal.name}, {"from", from}});
  const bool brought = at_with(*there->place, std::move(carrier),
                               [id = there->id](ClientHost& host, session::FreshCarrier brings) {
                                 host.resume(id, std::move(brings));
                               });
  if (brought) renew_if_due(principal, *there);
}

void Sessions::attach_lane(const Principal& principal, const control::SessionName& session,
                           session::FreshCarrier carrier) {
  auto* const there = find(principal, session);
  if (there == nullptr) return carrier.pipe->abort();
  at_with(*there->place, std::move(carrier),
          [id = there->id](ClientHost& host, session::FreshCarrier brings) {
            host.attach_lane(id, std::move(brings));
          });
}

void Sessions::go_on(ClientSnapshot from, restart::Inherited& sockets) {
  const auto& name = from.principal.name;
  if (current_.contains(name)) return;
  log::info("endpoint", {{"event", "kept"}, {"name", name}, {"streams", from.flows.size()}});
  const auto& taken = seat(from.principal, from.link.name);
  taken.place->host->go_on(taken.id, std::move(from), taken.entry, sockets);
}

std::vector<ClientSnapshot> Sessions::take_snapshots(restart::Outgoing& out) {
  std::vector<ClientSnapshot> all;
  for (const auto& [name, seat] : current_)
    if (auto snapshot = seat.place->host->take_snapshot(seat.id, out))
      all.push_back(std::move(*snapshot));
  return all;
}

void Sessions::set_own(const std::set<IpAddress>& addresses, const std::set<std::uint16_t>& ports) {
  for (const auto& place : places_)
    at(*place, [addresses, ports](ClientHost& host) { host.set_own(addresses, ports); });
}

void Sessions::renew_if_due(const Principal& principal, Seat& seat) {
  const auto now = loop::Loop::wall_clock();
  const auto life = Duration{context_.config.certificate_life};
  if (!CertificateRenewal::is_due(principal.certificate, life, now)) return;
  // Whoever shows the former one again is sent what was made: each would cost a commit.
  const auto made = renewed_.find(principal.name);
  if (made != renewed_.end() && made->second.first == principal.key &&
      !CertificateRenewal::is_due(made->second.second, life, now))
    return renew(seat, made->second.second);
  auto& renewal = renewals_[principal.name];
  if (renewal != nullptr && renewal->principal().key == principal.key) return;
  renewal = std::make_unique<CertificateRenewal>(
      context_.loop, CertificateRenewal::Authority{context_.store, context_.signing, life},
      principal, now, static_cast<CertificateRenewal::Listener&>(*this));
}

void Sessions::renew(Seat& seat, const ByteVector& certificate) {
  context_.directory.set_certificate(seat.entry, certificate);
  at(*seat.place, [id = seat.id, news = control::Certificate{certificate}](ClientHost& host) {
    host.tell(id, news);
  });
}

void Sessions::on_renewal_done(CertificateRenewal& renewal, const Result<ByteVector>& certificate) {
  const auto& [name, key, before] = renewal.principal();
  const auto found = current_.find(name);
  if (!certificate)
    log::warning("endpoint", {{"event", "certificate-not-renewed"},
                              {"name", name},
                              {"why", certificate.error().detail}});
  if (certificate) renewed_.insert_or_assign(name, std::pair{key, *certificate});
  if (certificate && found != current_.end() && found->second.key == key)
    renew(found->second, *certificate);
  renewals_.erase(std::string(name));
}

void Sessions::end(const std::string& name, const std::string& reason) {
  const auto found = current_.find(name);
  if (found == current_.end()) return;
  log::info("endpoint", {{"event", "closing"}, {"name", name}, {"why", reason}});
  const auto seat = std::move(found->second);
  current_.erase(found);
  context_.directory.leave(seat.entry);
  // One goodbye at a time: who logs in again and again and hears none would keep them all.
  std::erase_if(leaving_, [&](const Leaving& one) {
    if (one.name == name) drop(one);
    return one.name == name;
  });
  at(*seat.place, [id = seat.id, reason](ClientHost& host) { host.close(id, reason); });
  leaving_.push_back({name, seat.id, seat.place, context_.loop.now() + kLeaveLimit});
  if (!timer_.running()) timer_.start(kLeaveLimit);
}

void Sessions::drop(const Leaving& one) {
  --one.place->sessions;
  at(*one.place, [id = one.id](ClientHost& host) { host.drop(id); });
}

void Sessions::close_all(const std::string& reason) {
  ending_ = true;
  while (!current_.empty()) end(std::string(current_.begin()->first), reason);
  if (leaving_.empty()) timer_.start(Duration::zero());  // told from the loop, as always
}

void Sessions::on_ended(ClientHost::Id id, const std::string& name, const Error& why) {
  const auto left = std::ranges::find(leaving_, id, &Leaving::id);
  if (left != leaving_.end()) {
    --left->place->sessions;
    leaving_.erase(left);
    if (ending_ && leaving_.empty()) timer_.start(Duration::zero());  // the mailbox is not to go
    return;
  }
  const auto found = current_.find(name);
  if (found == current_.end() || found->second.id != id) return;  // it was dropped meanwhile
  log::info("endpoint", {{"event", "offline"}, {"name", name}, {"why", why.detail}});
  --found->second.place->sessions;
  context_.directory.leave(found->second.entry);
  current_.erase(found);
}

// Peers that no longer listen do not get to keep their session.
void Sessions::on_timer(loop::Timer& timer) {
  if (&timer == &renewal_timer_) {
    const auto now = loop::Loop::wall_clock();
    std::erase_if(renewed_, [&](const auto& one) {
      return CertificateRenewal::is_due(one.second.second, context_.config.certificate_life, now);
    });
    for (auto& [name, seat] : current_)
      renew_if_due({name, seat.key, context_.directory.certificate(seat.entry)}, seat);
    return renewal_timer_.start(kRenewals);
  }
  const auto now = context_.loop.now();
  std::erase_if(leaving_, [&](const Leaving& one) {
    if (one.until <= now) drop(one);
    return one.until <= now;
  });
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
    const Principal principal{name, found->second.key,
                              context_.directory.certificate(found->second.entry)};
    const auto valid = judge_record(principal, removed || !record ? nullptr : &*record);
    if (valid) return;
    end(name, valid.error().detail);
  } else if (!removed && record && !record->revoked) {
    return;
  }
  listener_.on_access_lost(name);
}

}  // namespace culvert::service
