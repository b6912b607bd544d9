#include "agent/hold_table.h"

#include <algorithm>
#include <cassert>

#include "shim/wire.h"
#include "tunnel/base/log.h"

namespace culvert::agent {
namespace {

constexpr std::uint16_t kFirstOrdinaryPort = 1024;

SocketAddress mapped(const SocketAddress& low) {
  return {low.ip, static_cast<std::uint16_t>(CULVERT_LOW_PORT_BASE + low.port)};
}

// As the program wants it, or where getpeername() knows a low port by itself.
Result<HoldListener> open_there(const SocketAddress& wanted, bool low_ports_mapped) {
  const bool low = wanted.port < kFirstOrdinaryPort;
  auto hold =
      low && low_ports_mapped ? HoldListener::open(mapped(wanted)) : HoldListener::open(wanted);
  if (hold || hold.error().code == ErrorCode::kExhausted || !low || low_ports_mapped) return hold;
  return HoldListener::open(mapped(wanted));
}

}  // namespace

HoldTable::Lease& HoldTable::Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  release();
  table_ = std::exchange(other.table_, nullptr);
  key_ = other.key_;
  return *this;
}

void HoldTable::Lease::release() {
  if (auto* table = std::exchange(table_, nullptr)) table->release(key_);
}

// Where another program's listener occupies the port. Tries few: mostly the first is free, and it
// is the same one each time.
Result<HoldListener> HoldTable::open_elsewhere(const SocketAddress& wanted) {
  constexpr std::uint16_t kPorts = CULVERT_ELSEWHERE_LAST - CULVERT_ELSEWHERE_FIRST + 1, kTries = 8;
  for (std::uint16_t i = 0; i < kTries; ++i) {
    const auto port = CULVERT_ELSEWHERE_FIRST + (wanted.port + i) % kPorts;
    const SocketAddress at{wanted.ip, static_cast<std::uint16_t>(port)};
    const auto known = elsewhere_.find(at);
    if (known != elsewhere_.end() && known->second != wanted.port) continue;
    auto hold = HoldListener::open(at);
    if (!hold && hold.error().code == ErrorCode::kExhausted) return hold;
    if (!hold) continue;
    if (elsewhere_.size() < kMost) elsewhere_.emplace(at, wanted.port);
    return hold;
  }
  return HoldListener::open({wanted.ip, 0});  // getpeername() shows it
}

std::optional<std::uint16_t> HoldTable::wanted_port(const SocketAddress& held_at) const {
  const auto found = elsewhere_.find(held_at);
  if (found == elsewhere_.end()) return std::nullopt;
  return found->second;
}

Result<HoldTable::Held> HoldTable::acquire(const SocketAddress& virtual_address, TimePoint now) {
  now_ = now;
  auto found = holds_.find(virtual_address);
  if (found == holds_.end()) {
    if (holds_.size() >= kMost)
      return fail(ErrorCode::kExhausted,
                  "programs wait for " + std::to_string(kMost) + " different addresses already");
    auto listener = open_there(virtual_address, low_ports_mapped_);
    if (!listener && listener.error().code != ErrorCode::kExhausted) {
      listener = open_elsewhere(virtual_address);
      if (listener)
        log::info("hold", {{"event", "elsewhere"},
                           {"for", virtual_address.to_string()},
                           {"at", listener->address().to_string()},
                           {"why", "a program on this machine listens on that port"}});
    }
    if (!listener) return fail(std::move(listener.error()));
    found = holds_.emplace(virtual_address, Hold{std::move(*listener), 0, {}, idle_.end()}).first;
  } else if (found->second.leases == 0) {
    idle_.erase(found->second.idle);
  }
  ++found->second.leases;
  return Held{Lease(*this, virtual_address), found->second.listener.address()};
}

void HoldTable::release(const SocketAddress& key) {
  auto& hold = holds_.at(key);
  assert(hold.leases > 0);
  if (--hold.leases > 0) return;
  hold.idle_since = now_;
  hold.idle = idle_.insert(idle_.end(), key);
  if (idle_.size() > kMostIdle && holds_.at(idle_.front()).idle_since + kPromised <= now_) {
    holds_.erase(idle_.front());
    idle_.pop_front();
  }
}

HoldTable::LetGo HoldTable::let_go(std::uint16_t port, TimePoint now) {
  now_ = now;
  LetGo outcome;
  for (auto at = holds_.begin(); at != holds_.end();) {
    const auto& hold = at->second;
    const bool there = hold.listener.address().port == port;
    outcome.held |= there;
    outcome.used |= there && hold.leases > 0;
    if (there && hold.leases == 0 && hold.idle_since + kPromised <= now) {
      idle_.erase(hold.idle);
      at = holds_.erase(at);
      continue;
    }
    if (there && hold.leases == 0)
      outcome.promised_until =
          std::max(outcome.promised_until, std::optional{hold.idle_since + kPromised});
    ++at;
  }
  return outcome;
}

void HoldTable::close_idle(TimePoint now) {
  now_ = now;
  while (!idle_.empty() && holds_.at(idle_.front()).idle_since + linger_ <= now) {
    holds_.erase(idle_.front());
    idle_.pop_front();
  }
}

}  // namespace culvert::agent
