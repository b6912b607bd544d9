#include "agent/connect_table.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <vector>

#include "tunnel/base/log.h"

namespace culvert::agent {

ConnectTable::ConnectTable(loop::Loop& loop, const IpPrefix& pool, bool use_raw_socket,
                           Duration hold_linger)
    : loop_(loop),
      low_ports_mapped_(!may_bind_low_ports(IpAddress::v4(pool.address.v4_value() + 1))),
      holds_(low_ports_mapped_, hold_linger),
      destroyed_(loop, pool, *this),
      sweep_(loop, *this),
      slow_(loop, *this) {
  if (!use_raw_socket) return;
  auto syns = SynWatch::open(pool);
  auto refusal = Refusal::open();
  if (!syns || !refusal) {
    log::info("connect", {{"event", "no-raw-socket"},
                          {"why", syns ? refusal.error().detail : syns.error().detail},
                          {"effect", "refusals are reported through the shim"}});
    return;
  }
  syns_.emplace(std::move(*syns));
  refusal_.emplace(std::move(*refusal));
}

ConnectTable::~ConnectTable() {
  for (const auto& [cookie, pending] : pending_) pending->fail_at_once();
}

PendingConnect* ConnectTable::find(std::uint64_t cookie) {
  const auto found = pending_.find(cookie);
  return found == pending_.end() ? nullptr : found->second.get();
}

bool ConnectTable::is_pending(std::uint64_t cookie, const SocketAddress& to) {
  auto* pending = find(cookie);
  // The shim may have spoken, or hung up, in this same turn of the loop.
  if (pending != nullptr && pending->phase() == PendingConnect::Phase::kAnnounced)
    pending->on_shim_spoke();
  pending = find(cookie);
  if (pending == nullptr) return false;
  if (pending->phase() != PendingConnect::Phase::kAnnounced && pending->to() == to &&
      pending->is_the_announced_socket())
    return true;
  pending->abandon("the socket was connected anew");
  return false;
}

Result<ConnectTable::Added> ConnectTable::add(const Asker& asker, std::uint64_t cookie,
                                              const SocketAddress& to) {
  if (is_pending(cookie, to)) return Added{nullptr, find(cookie)->held_at()};
  if (pending_.size() >= kMost)
    return fail(ErrorCode::kExhausted,
                std::to_string(kMost) + " connects are waiting already: more are refused");
  auto held = holds_.acquire(to, loop_.now());
  if (!held) return fail(std::move(held.error()));
  const auto held_at = held->address;
  auto pending =
      std::make_unique<PendingConnect>(loop_, *this, asker, cookie, to, std::move(*held));
  return Added{&insert(std::move(pending)), held_at};
}

PendingConnect& ConnectTable::insert(std::unique_ptr<PendingConnect> pending) {
  auto& added = *pending;
  pending_.emplace(added.cookie(), std::move(pending));
  if (!sweep_.running()) sweep_.start(kSweepEvery);
  if (!destroyed_.wanted() && !slow_.running()) slow_.start(kWatchAfter);
  return added;
}

std::optional<DiagSocket> ConnectTable::new_socket(CaughtSyn& caught) {
  const auto socket = diag_.find_any(Protocol::kTcp, caught.syn.program, caught.syn.to);
  if (!socket || socket->state != TCP_SYN_SENT || socket->remote != caught.syn.to)
    return std::nullopt;
  auto* pending = find(socket->cookie);
  if (pending == nullptr) return socket;
  if (!pending->is_caught()) return std::nullopt;  // a shim has announced it
  if (pending->held_at() == caught.syn.to) {
    pending->take_syn(std::move(caught));
    return std::nullopt;
  }
  pending->abandon("the socket was connected anew");
  return socket;
}

PendingConnect* ConnectTable::add_caught(const Asker& asker, std::uint64_t cookie,
                                         const SocketAddress& to, CaughtSyn caught) {
  if (pending_.size() >= kMost || !refusal_) return nullptr;
  auto pending = std::make_unique<PendingConnect>(loop_, *this, asker, cookie, to,
                                                  HoldTable::Held{{}, caught.syn.to});
  pending->take_syn(std::move(caught));
  return &insert(std::move(pending));
}

void ConnectTable::on_let_in(UniqueFd ours, const SocketAddress& program, const SocketAddress& to) {
  const auto socket = diag_.find_any(Protocol::kTcp, program, to);
  auto* pending = socket ? find(socket->cookie) : nullptr;
  if (pending != nullptr && pending->is_caught() && pending->held_at() == to)
    pending->on_let_in(std::move(ours));
}

Result<void> ConnectTable::check_decision(std::uint64_t cookie) {
  auto* pending = find(cookie);
  if (pending == nullptr) return fail(ErrorCode::kNetworkUnreachable);
  const auto code = pending->failed_at_home();
  if (!code) return {};
  remove(*pending);
  return fail(*code);
}

void ConnectTable::listen_to_shim(std::uint64_t cookie, UniqueFd conversation) {
  if (auto* pending = find(cookie)) pending->listen_to_shim(std::move(conversation));
}

void ConnectTable::on_told(std::uint64_t cookie, const ShimQuestion& told) {
  if (auto* pending = find(cookie)) pending->on_told(told);
}

void ConnectTable::on_socket_destroyed(std::uint64_t cookie) {
  if (auto* pending = find(cookie)) pending->abandon("the program closed its socket");
}

void ConnectTable::on_events_lost() {
  std::vector<std::uint64_t> gone;
  for (const auto& [cookie, pending] : pending_)
    if (pending->phase() == PendingConnect::Phase::kConnecting &&
        !pending->is_the_announced_socket())
      gone.push_back(cookie);
  for (const auto cookie : gone) on_socket_destroyed(cookie);
}

void ConnectTable::on_timer(loop::Timer& timer) {
  if (&timer == &slow_)
    watch_slow();
  else
    sweep();
}

bool ConnectTable::has_slow() const {
  return std::any_of(pending_.begin(), pending_.end(), [this](const auto& entry) {
    return loop_.now() - entry.second->since() >= kWatchAfter;
  });
}

void ConnectTable::watch_slow() {
  if (has_slow()) {
    destroyed_.want(true);  // before looking: no death may fall in between
    on_events_lost();
  } else if (!pending_.empty()) {
    slow_.start(kWatchAfter);
  }
}

void ConnectTable::sweep() {
  std::vector<std::uint64_t> cookies;  // looking at one may remove it, or others
  cookies.reserve(pending_.size());
  for (const auto& each : pending_) cookies.push_back(each.first);
  for (const auto cookie : cookies)
    if (auto* pending = find(cookie)) look_at_age(*pending);
  holds_.close_idle(loop_.now());
  if (destroyed_.wanted() && !has_slow()) {
    destroyed_.want(false);
    if (!pending_.empty()) slow_.start(kWatchAfter);
  }
  if (!pending_.empty() || holds_.size() > 0) sweep_.start(kSweepEvery);
}

void ConnectTable::look_at_age(PendingConnect& pending) {
  const auto age = loop_.now() - pending.since();
  switch (pending.phase()) {
    case PendingConnect::Phase::kAnnounced:
      if (age > kTellWithin) pending.abandon("the shim did not say that it connects");
      return;
    case PendingConnect::Phase::kConnecting: pending.try_again(); return;
    case PendingConnect::Phase::kJoining:
      if (age > kJoinWithin) pending.abandon("the program's socket does not answer");
      return;
  }
}

}  // namespace culvert::agent
