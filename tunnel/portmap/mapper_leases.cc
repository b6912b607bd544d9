// The life of the mapping of one port.
#include <algorithm>
#include <cassert>

#include "tunnel/portmap/mapper.h"

namespace culvert::portmap {

Mapper::Lease* Mapper::find(const Port& port) {
  const auto found = std::ranges::find(leases_, port, &Lease::port);
  return found == leases_.end() ? nullptr : &*found;
}

void Mapper::want(const Port& port, TimePoint now) {
  assert(port.number != 0);
  if (auto* const lease = find(port)) {  // wanted again before it was deleted
    if (lease->wanted) return;
    lease->wanted = true;
    return choose_again(*lease, now);
  }
  assert(leases_.size() < kMostPorts);
  Lease lease;
  lease.port = port;
  random_.fill(lease.nonce);
  leases_.push_back(lease);
}

void Mapper::unwant(const Port& port, TimePoint now) {
  auto* const lease = find(port);
  if (lease == nullptr || !lease->wanted) return;
  lease->wanted = false;
  const bool asked = lease->step == Step::kAsking && lease->tries > 0;  // it may have been granted
  if (lease->mapping || asked) begin_deleting(*lease, now);
}

void Mapper::stop(TimePoint now) {
  for (auto& lease : leases_) unwant(lease.port, now);
  tick(now);
}

void Mapper::check(TimePoint now) { plan_check(/*all=*/true, now); }

void Mapper::plan_check(bool all, TimePoint now) {
  check_all_ |= all;
  if (!check_at_) check_at_ = checked_at_ ? std::max(now, *checked_at_ + kLeastPause) : now;
}

void Mapper::check_now(TimePoint now) {
  check_at_.reset();
  checked_at_ = now;
  const bool all = std::exchange(check_all_, false);
  restarted_ |= std::exchange(checked_generation_, generation_) != generation_;
  for (auto& lease : leases_)
    if (lease.step == Step::kHolding && lease.mapping &&
        (all || lease.mapping->generation != generation_))
      ask(lease, now);
}

void Mapper::tick_lease(Lease& lease, TimePoint now) {
  if (lease.step != Step::kDeleting && lease.mapping && now >= lease.mapping->expires_at) {
    lose(lease);
    if (lease.step == Step::kHolding) choose_again(lease, now);
  }
  switch (lease.step) {
    case Step::kChoosing: return choose(lease, now);
    case Step::kHolding:
      if (now < lease.due) return;
      if (!lease.mapping || lease.refused[index(lease.method)]) return choose_again(lease, now);
      return ask(lease, now);
    case Step::kAsking:
    case Step::kDeleting: break;
  }
  if (lease.method == Method::kUpnp || now < lease.due) return;
  const bool deleting = lease.step == Step::kDeleting;
  if (lease.tries < (deleting ? kDeleteTries : kTries)) return send_question(lease, now);
  if (deleting) return deleted(lease, now);
  refuse(lease, "the gateway no longer answers", now);
}

void Mapper::choose(Lease& lease, TimePoint now) {
  if (!network_) return;
  lease.step = Step::kChoosing;
  for (const auto method : {Method::kPcp, Method::kNatPmp, Method::kUpnp}) {
    if (lease.refused[index(method)] || presence(method) == Presence::kAbsent) continue;
    if (presence(method) == Presence::kUnknown) return;  // the probe goes on
    lease.method = method;
    return ask(lease, now);
  }
  lease.step = Step::kHolding;
  lease.due = now + (lease.mapping ? Duration{kSoon} : Duration{kAbsentFor});
  if (lease.why.empty())
    lease.why = "the gateway " + network_->gateway.to_string() +
                (network_->own.is_v4() ? " maps no ports: it answers neither PCP, NAT-PMP nor UPnP"
                                       : " opens no ports: it does not answer PCP");
}

void Mapper::choose_again(Lease& lease, TimePoint now) {
  lease.refused = {};
  lease.why.clear();
  lease.step = Step::kChoosing;
  start_probe(now);
}

void Mapper::ask(Lease& lease, TimePoint now) {
  lease.step = Step::kAsking;
  lease.tries = 0;
  lease.due = now;
  if (lease.method != Method::kUpnp) send_question(lease, now);
}

void Mapper::send_question(Lease& lease, TimePoint now) {
  const bool deleting = lease.step == Step::kDeleting;
  lease.due = now + (deleting ? kDeleteAgain : kAskAgain) * (1 << lease.tries++);
  const auto lifetime = deleting ? 0u : static_cast<std::uint32_t>(kLifetime.count());
  // What there was before, if it is still free after a restart.
  const auto port = lease.mapping ? lease.mapping->external.port : lease.port.number;
  if (lease.method == Method::kNatPmp) {
    if (!deleting) send(server(), encode_nat_pmp_address_request());
    return send(server(),
                encode_nat_pmp_map(lease.port, deleting ? std::uint16_t{0} : port, lifetime));
  }
  PcpMapRequest request;
  request.client = network_->own;
  request.nonce = lease.nonce;
  request.internal = lease.port;
  request.lifetime = lifetime;
  if (!network_->own.is_v4()) request.suggested.ip = IpAddress::v6({});
  if (!deleting) request.suggested.port = port;
  send(server(), encode(request));
}

void Mapper::granted(Lease& lease, const SocketAddress& external, Duration lifetime,
                     TimePoint now) {
  const bool same_family = external.ip.is_v4() == network_->own.is_v4();
  if (external.port == 0 || !same_family || lifetime < kLeastLifetime)
    return refuse(lease, "the gateway grants what is of no use", now);
  const auto life = std::min<Duration>(lifetime, kMostLifetime);
  const Mapping fresh{external, lease.method, now + life, generation_};
  const bool same = lease.mapping && lease.mapping->external == external &&
                    lease.mapping->method == lease.method &&
                    lease.mapping->generation == generation_;
  lease.mapping = fresh;
  news_ |= !same;
  if (!external.ip.is_global()) {
    lease.why = "the gateway's own outside address " + external.ip.to_string() +
                " is not public: another NAT follows";
    return begin_deleting(lease, now);
  }
  lease.step = Step::kHolding;
  lease.due = now + life / 2;
  lease.refused = {};
  lease.why.clear();
}

void Mapper::refuse(Lease& lease, const std::string& why, TimePoint now) {
  lease.refused[index(lease.method)] = true;
  lease.why = std::string(to_string(lease.method)) + ": " + why;
  choose(lease, now);
}

void Mapper::lose(Lease& lease) {
  news_ |= lease.mapping.has_value();
  lease.mapping.reset();
}

void Mapper::begin_deleting(Lease& lease, TimePoint now) {
  news_ = true;
  lease.step = Step::kDeleting;
  lease.tries = 0;
  lease.due = now;
}

void Mapper::deleted(Lease& lease, TimePoint now) {
  lease.mapping.reset();
  lease.step = Step::kHolding;  // tick() removes what nobody wants
  lease.due = now + Duration{kAbsentFor};
}

std::optional<IgdTask> Mapper::take_task(TimePoint now) {
  if (running_ || !network_) return std::nullopt;
  for (auto& lease : leases_) {
    const bool deleting = lease.step == Step::kDeleting;
    if (lease.method != Method::kUpnp || now < lease.due ||
        (lease.step != Step::kAsking && !deleting))
      continue;
    ++lease.tries;
    running_ = {igd_url_, *network_, lease.port,
                lease.mapping ? lease.mapping->external.port : lease.port.number,
                deleting ? 0u : static_cast<std::uint32_t>(kLifetime.count())};
    return running_;
  }
  return std::nullopt;
}

void Mapper::igd_answered(const Result<IgdAnswer>& answer, TimePoint now) {
  assert(running_);
  const auto task = *std::exchange(running_, std::nullopt);
  auto* const lease = find(task.port);
  if (lease == nullptr || task.network != network_ || lease->method != Method::kUpnp) return;
  if (lease->step == Step::kDeleting) {
    if (task.lifetime == 0 || !answer) return deleted(*lease, now);
    // It became unwanted while it was asked for.
    lease->mapping = {answer->external, Method::kUpnp, now, generation_};
    return;
  }
  if (lease->step != Step::kAsking || task.lifetime == 0) return;
  if (!answer) return refuse(*lease, answer.error().detail, now);
  const auto lifetime = answer->lifetime == 0 ? kLifetime : Seconds{answer->lifetime};
  granted(*lease, answer->external, lifetime, now);
}

}  // namespace culvert::portmap
