// tests/link/link.h: the listener, all connections, and what commands do to them.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tests/link/connection.h"
#include "tests/link/shape.h"

namespace culvert::link {

class Link final : private Watched {
 public:
  Link(int epoll, const SocketAddress& target, const Shape& shape);
  std::uint16_t listen(const SocketAddress& at);  // gives the port; 0: errno says why not

  void step(TimePoint now);                  // moves what can move
  TimePoint next_step(TimePoint now) const;  // when to call step() without news from sockets
  std::string command(const std::string& line, TimePoint now);  // gives the answer

 private:
  enum class Mode { kOpen, kStalled, kBlackHole, kRefusing };

  void on_events(std::uint32_t events) override;
  void accept_all(TimePoint now);
  bool open_listener();
  void enter(Mode mode);
  std::size_t reset(std::uint64_t number);  // 0: all
  std::string change_shape(const std::string& arguments);
  std::string stats() const;

  int epoll_;
  SocketAddress target_, at_;
  Shape shape_;
  Stats stats_;
  Mode mode_ = Mode::kOpen;
  UniqueFd reservation_;  // bound and never listening: keeps the port while refusing
  UniqueFd listener_;
  bool knocked_ = false;
  std::vector<std::unique_ptr<Connection>> connections_;
};

// "50 1000 256": one way in milliseconds, Mbit/s, octets of the queue in KiB; 0: no limit. Missing
// numbers are 0. False if it is not that.
bool read_shape(const std::string& text, Shape& shape);

}  // namespace culvert::link
