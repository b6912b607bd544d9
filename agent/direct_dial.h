// agent/direct_dial.h: one connection to a peer without the relay. One that both sides make at the
// same time comes from our own direct port, and is tried again at once where it is refused: a
// barrier of the other side may refuse what comes a moment too early.
#pragma once
#include <memory>
#include <optional>

#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/tcp_dial.h"
#include "tunnel/punch/candidates.h"

namespace culvert::agent {

class DirectDial final : private loop::TcpDial::Listener {
 public:
  static constexpr std::chrono::seconds kLimit{3}, kPunchLimit{5};
  static constexpr int kPunchTries = 8;

  class Listener {
   public:
    // `pipe` is null when nothing came of it. Called once, never from the constructor; destroys it.
    virtual void on_direct_dialled(DirectDial& dial, std::unique_ptr<loop::BytePipe> pipe) = 0;

   protected:
    ~Listener() = default;
  };

  DirectDial(loop::Loop& loop, const punch::Dial& dial, std::uint16_t own_port, Listener& listener);
  const punch::Dial& dial() const { return what_; }

 private:
  void on_dialled(loop::TcpDial& dial, UniqueFd fd, int error) override;
  void start();

  loop::Loop& loop_;
  punch::Dial what_;
  std::optional<SocketAddress> from_;
  Listener& listener_;
  TimePoint until_;
  int tries_ = 0;
  std::optional<loop::TcpDial> dial_;
};

}  // namespace culvert::agent
