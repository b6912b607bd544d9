#include "agent/udp_burst.h"

#include <algorithm>

namespace culvert::agent {

std::vector<path::Target> UdpBurst::make(const punch::Plan& plan, TimePoint now) {
  const auto before = further_.size();
  for (std::size_t i = 0; i < plan.sockets; ++i) {
    auto socket = udp_.make_burst_socket();
    if (!socket) break;
    further_.push_back(std::move(socket));
  }
  std::vector<path::Target> targets;
  for (const auto& shot : plan.shots) {
    const auto socket = shot.socket == 0 ? 0 : before + shot.socket;
    if (socket <= further_.size()) targets.push_back({{socket, shot.to}, /*once=*/true});
  }
  close_unused_at_ = now + Duration{path::Path::kRound} + std::chrono::seconds{1};
  return targets;
}

void UdpBurst::close_unused(const path::Path& core) {
  close_unused_at_.reset();
  for (std::size_t i = 0; i < further_.size(); ++i)
    if (!core.up() || (core.route().socket != i + 1 && !core.heard_on(i + 1))) further_[i].reset();
}

std::optional<std::size_t> UdpBurst::number_of(const loop::UdpSocket& socket) const {
  if (&socket == udp_.shared(true) || &socket == udp_.shared(false)) return 0;
  for (std::size_t i = 0; i < further_.size(); ++i)
    if (further_[i].get() == &socket) return i + 1;
  return std::nullopt;
}

std::optional<std::size_t> UdpBurst::add(bool v4) {
  auto socket = udp_.make_socket(v4);
  if (!socket) return std::nullopt;
  auto place = std::ranges::find_if(further_, [](const auto& one) { return one == nullptr; });
  if (place == further_.end()) {
    further_.push_back(std::move(socket));
    return further_.size();
  }
  *place = std::move(socket);
  return static_cast<std::size_t>(place - further_.begin()) + 1;
}

bool UdpBurst::close_silent(const path::Path& core, std::size_t but, TimePoint since) {
  bool left = false;
  for (std::size_t i = 0; i < further_.size(); ++i) {
    if (i + 1 == but) continue;
    const auto heard = core.heard_at(i + 1);
    if (!heard || *heard < since) further_[i].reset();
    left |= further_[i] != nullptr;
  }
  return left;
}

int UdpBurst::fd_of(std::size_t socket, bool v4) const {
  const auto* const one = socket == 0                 ? udp_.shared(v4)
                          : socket <= further_.size() ? further_[socket - 1].get()
                                                      : nullptr;
  return one == nullptr ? -1 : one->fd();
}

}  // namespace culvert::agent
