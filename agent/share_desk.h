// agent/share_desk.h: programs that want to bind a UDP port on every address where the agent has
// that port of virtual addresses (shim/wire.h, CULVERT_ASK_TO_SHARE). The kernel permits it if both
// sockets share at that moment; who has asked says by closing his connection that it has passed.
#pragma once
#include <list>
#include <memory>

#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/fd_watch.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

class ShareDesk final : private loop::Timer::Listener {
 public:
  static constexpr std::chrono::seconds kWithin{1};  // somebody who was stopped is not waited for
  static constexpr std::size_t kMost = 64;

  class Owner {
   public:
    // Whether no sockets but the agent's have this port (`own_shares`: or those with whom the
    // program's socket shares by itself, as far as the kernel permits).
    virtual bool nobody_else_has(std::uint16_t port, bool own_shares) = 0;
    virtual void share(std::uint16_t port, bool shared) = 0;

   protected:
    ~Owner() = default;
  };

  ShareDesk(loop::Loop& loop, Owner& owner);
  ~ShareDesk();
  // Answers the question.
  void ask(UniqueFd socket, std::uint16_t port, bool own_shares);

 private:
  class Asker;
  void on_timer(loop::Timer& timer) override;
  void drop(Asker& asker);
  void end_sharing(std::uint16_t port);

  loop::Loop& loop_;
  Owner& owner_;
  std::list<std::unique_ptr<Asker>> askers_;  // oldest first
  loop::Timer timer_;
};

}  // namespace culvert::agent
