// agent/let_go_desk.h: programs that want to listen where the agent still holds a port for connects
// that are over (shim/wire.h, CULVERT_ASK_TO_LET_GO). They wait until nobody relies on it: a shim
// that was answered within the last second connects there without asking, and must not get to
// whoever listens next.
#pragma once
#include <list>
#include <memory>

#include "agent/hold_table.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

class LetGoDesk final : private loop::Timer::Listener {
 public:
  static constexpr std::chrono::seconds kWithin{3};       // then it is answered all the same
  static constexpr std::chrono::milliseconds kAgain{20};  // while connects are pending there
  static constexpr std::size_t kMost = 64;                // who wait; others are told no

  // `open_count`: of questions that are not answered yet.
  LetGoDesk(loop::Loop& loop, HoldTable& holds, std::shared_ptr<std::size_t> open_count);
  ~LetGoDesk();
  void ask(UniqueFd socket, std::uint16_t port);

 private:
  struct Waiting {
    UniqueFd socket;
    std::uint16_t port;
    TimePoint until;
  };
  void on_timer(loop::Timer& timer) override;
  // When to look again; nothing: it is answered.
  std::optional<TimePoint> look(const Waiting& one);

  loop::Loop& loop_;
  HoldTable& holds_;
  std::shared_ptr<std::size_t> open_count_;
  std::list<Waiting> waiting_;
  loop::Timer timer_;
};

}  // namespace culvert::agent
