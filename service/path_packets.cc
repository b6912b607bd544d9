#include "service/path_packets.h"

#include <algorithm>

namespace culvert::service {

path::Path PathPackets::make_path(const Door& door) {
  const std::lock_guard lock(mutex_);
  path::Path path(random_);
  while (!paths_.try_emplace(path.name(), door).second) path = path::Path(random_);
  return path;
}

void PathPackets::remove(std::uint32_t path) {
  const std::lock_guard lock(mutex_);
  paths_.erase(path);
}

void PathPackets::set_sender(Sender* sender, std::vector<Place> places) {
  sender_ = sender;
  places_ = std::move(places);
}

std::optional<std::size_t> PathPackets::socket_for(const IpAddress& to) const {
  const auto found = std::ranges::find_if(
      places_, [&](const Place& one) { return one.at.ip.is_v4() == to.is_v4(); });
  if (found == places_.end()) return std::nullopt;
  return found->socket;
}

void PathPackets::send(std::size_t socket, const SocketAddress& to,
                       const std::vector<Bytes>& packets) {
  if (sender_ != nullptr) sender_->send_path_packets(socket, to, packets);
}

bool PathPackets::take(std::size_t socket, const SocketAddress& from, Bytes packet) {
  const auto name = path::name_of(packet);
  if (!name) return false;
  if (name->type != path::PacketType::kSealed) return true;
  auto found = std::ranges::find_if(arrived_, [&](const Arrived& one) {
    return one.path == name->path && one.socket == socket && one.from == from;
  });
  if (found == arrived_.end())
    found = arrived_.insert(found, Arrived{name->path, socket, from, {}});
  found->packets.add(packet);
  return true;
}

void PathPackets::batch_ended() {
  if (arrived_.empty()) return;
  const std::lock_guard lock(mutex_);
  for (auto& one : std::exchange(arrived_, {})) {
    const auto found = paths_.find(one.path);
    if (found == paths_.end()) continue;
    found->second.post(std::move(one.packets), [socket = one.socket, from = one.from](
                                                   Receiver& path, const Parcel& packets) {
      path.on_path_packets(socket, from, packets);
    });
  }
}

}  // namespace culvert::service
