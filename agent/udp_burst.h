// agent/udp_burst.h: the sockets that one UDP path has besides the one that all share: made for a
// burst, numbered from 1 on as in its routes, and closed again where they led nowhere.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "agent/udp_place.h"
#include "tunnel/path/path.h"
#include "tunnel/punch/plan.h"

namespace culvert::agent {

class UdpBurst {
 public:
  explicit UdpBurst(UdpPlace& udp) : udp_(udp) {}

  // What its shots are. Where the system has no more sockets, those are left out.
  std::vector<path::Target> make(const punch::Plan& plan, TimePoint now);
  void clear() { further_.clear(); }
  // The peer may have taken another one than we: whatever it has sent something to stays.
  void close_unused(const path::Path& core);
  const std::optional<TimePoint>& close_unused_at() const { return close_unused_at_; }

  std::optional<std::size_t> number_of(const loop::UdpSocket& socket) const;
  int fd_of(std::size_t socket, bool v4) const;  // -1: closed

  // One more, of that family; nothing: the system has none.
  std::optional<std::size_t> add(bool v4);
  const loop::UdpSocket& operator[](std::size_t socket) const { return *further_[socket - 1]; }
  // But for that one, those on which the peer has sent nothing since then. True: others are left.
  bool close_silent(const path::Path& core, std::size_t but, TimePoint since);

 private:
  UdpPlace& udp_;
  std::vector<std::unique_ptr<loop::UdpSocket>> further_;  // null: closed
  std::optional<TimePoint> close_unused_at_;
};

}  // namespace culvert::agent
