#include "agent/port_seats.h"

#include "agent/virtual_port.h"

namespace culvert::agent {

// Unlike other sockets of ours it goes on to share: nobody gains by binding this address as well,
// and programs that share the port with each other, as those for multicast do, may do so.
void PortSeats::add(const ProgramListener& listener) {
  if (listener.stand_in || listener.kernel_chose || !listener.local.ip.canonical().is_unspecified())
    return;
  if (auto found = seats_.find(listener.local.port); found != seats_.end()) {
    found->second.listeners.insert(listener.cookie);
    return;
  }
  auto bound = bind_virtual_port({at_, listener.local.port});
  if (!bound) return;
  share_address(bound->socket.get(), true);
  seats_[listener.local.port] = {std::move(bound->socket), {listener.cookie}};
}

void PortSeats::remove(const ProgramListener& listener) {
  const auto found = seats_.find(listener.local.port);
  if (found == seats_.end()) return;
  found->second.listeners.erase(listener.cookie);
  if (found->second.listeners.empty()) seats_.erase(found);
}

int PortSeats::socket(std::uint16_t port) const {
  const auto found = seats_.find(port);
  return found == seats_.end() ? -1 : found->second.socket.get();
}

void PortSeats::adopt(std::uint16_t port, UniqueFd socket) {
  seats_[port].socket = std::move(socket);
}

void PortSeats::drop_unused() {
  std::erase_if(seats_, [](const auto& entry) { return entry.second.listeners.empty(); });
}

}  // namespace culvert::agent
