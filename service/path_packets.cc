#include "service/path_packets.h"

#include <algorithm>

namespace culvert::service {

path::Path PathPackets::make_path() const {
  path::Path path(random_);
  while (paths_.contains(path.name())) path = path::Path(random_);
  return path;
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
  const auto found = paths_.find(name->path);
  if (found == paths_.end() || name->type != path::PacketType::kSealed) return true;
  found->second->on_path_packet(socket, from, packet);
  if (std::ranges::find(in_batch_, name->path) == in_batch_.end()) in_batch_.push_back(name->path);
  return true;
}

void PathPackets::batch_ended() {
  for (const auto path : std::exchange(in_batch_, {}))
    if (const auto found = paths_.find(path); found != paths_.end())
      found->second->on_path_batch_ended();
}

}  // namespace culvert::service
