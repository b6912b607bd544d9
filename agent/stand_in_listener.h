// agent/stand_in_listener.h: the porter's end of agent/stand_in.h for one listener of an enclosure:
// takes calls outside, makes the same connect inside, from the address that the caller has come
// from, and answers with its outcome.
#pragma once
#include <list>
#include <memory>

#include "agent/enclosed_connect.h"
#include "agent/stand_in.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

class StandInListener final : private loop::FdWatch::Listener, private loop::Timer::Listener {
 public:
  static constexpr std::size_t kMostCalls = 256;  // that are not answered yet
  static constexpr std::chrono::seconds kAnswerWithin{10};

  class Listener {
   public:
    // Both are connected; the caller was told.
    virtual void on_called(UniqueFd program, UniqueFd caller) = 0;

   protected:
    ~Listener() = default;
  };

  // `bound`: where the program listens, IPv4.
  StandInListener(loop::Loop& loop, EnclosedSide& inside, const SocketAddress& bound,
                  Listener& listener);
  ~StandInListener();
  // kIo: no socket, no random numbers.
  Result<void> start();

  const SocketAddress& bound() const { return bound_; }
  const std::string& token() const { return token_; }
  std::uint64_t cookie() const;  // SO_COOKIE of the socket outside

 private:
  class Call;
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void on_timer(loop::Timer& timer) override;
  void end(Call& call);

  loop::Loop& loop_;
  EnclosedSide& inside_;
  SocketAddress bound_;
  Listener& listener_;
  std::string token_;
  UniqueFd fd_;
  std::optional<loop::FdWatch> watch_;
  std::list<std::unique_ptr<Call>> calls_;  // oldest first
  loop::Timer sweep_;
};

}  // namespace culvert::agent
