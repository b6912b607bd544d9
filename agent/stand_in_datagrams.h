// agent/stand_in_datagrams.h: as agent/stand_in_listener.h, for a UDP server of an enclosure: a
// socket outside, and for each caller one inside that stands at the caller's address. Whoever may
// send to the machine's loopback may send here; without the token of TCP's calls, as to any server.
#pragma once
#include <map>
#include <memory>

#include "agent/enclosed_connect.h"
#include "tunnel/base/bytes.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

class StandInDatagrams final : private loop::FdWatch::Listener, private loop::Timer::Listener {
 public:
  static constexpr std::size_t kMostCallers = 1024;  // the one silent for longest goes first
  static constexpr std::chrono::seconds kSilence{120}, kLook{10};

  // `bound`: where the program listens, IPv4; `callers`: who may call.
  StandInDatagrams(loop::Loop& loop, EnclosedSide& inside, const SocketAddress& bound,
                   const IpPrefix& callers);
  ~StandInDatagrams();
  Result<void> start();  // kIo
  const SocketAddress& bound() const { return bound_; }
  std::uint64_t cookie() const;  // SO_COOKIE of the socket outside

 private:
  static constexpr std::size_t kLargest = 65'536;
  static constexpr int kAtOnce = 64;
  class Caller;

  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void on_timer(loop::Timer& timer) override;
  Caller* caller_at(const SocketAddress& from);

  loop::Loop& loop_;
  EnclosedSide& inside_;
  SocketAddress bound_;
  IpPrefix callers_allowed_;
  ByteVector buffer_;
  UniqueFd fd_;
  std::optional<loop::FdWatch> watch_;
  std::map<SocketAddress, std::unique_ptr<Caller>> callers_;
  loop::Timer silence_;
};

}  // namespace culvert::agent
