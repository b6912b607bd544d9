#include "agent/accept_desk.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "tunnel/loop/fd_watch.h"
#include "tunnel/loop/tcp_dial.h"

namespace culvert::agent {

class AcceptDesk::Knock final : private loop::TcpDial::Listener, private loop::FdWatch::Listener {
 public:
  Knock(AcceptDesk& desk, const SocketAddress& listener, UniqueFd program, Caller& its_caller)
      : caller(&its_caller),
        desk_(desk),
        program_(std::move(program)),
        dial_(desk.loop_, listener, kLetInWithin, static_cast<loop::TcpDial::Listener&>(*this)),
        from_(dial_.from()) {}
  Knock(const Knock&) = delete;
  Knock& operator=(const Knock&) = delete;
  ~Knock() {
    const linger at_once{1, 0};
    if (program_) setsockopt(program_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

  const SocketAddress& from() const { return from_; }
  const SocketAddress& listener() const { return dial_.to(); }
  UniqueFd take() { return std::move(program_); }
  bool over() const { return !program_ && caller == nullptr; }

  Caller* caller;  // null: has been told
  Knocks::iterator self;

 private:
  void on_dialled(loop::TcpDial&, UniqueFd fd, int error) override {
    connection_ = std::move(fd);
    if (error == 0) {
      // A listener with TCP_DEFER_ACCEPT shows nobody who has said nothing.
      ::send(connection_.get(), "", 1, MSG_NOSIGNAL);
      watch_.emplace(desk_.loop_, connection_.get(), static_cast<loop::FdWatch::Listener&>(*this));
      watch_->start(/*readable=*/true, /*writable=*/false);
    }
    auto* const told = std::exchange(caller, nullptr);
    if (error != 0 || over()) desk_.knocks_.erase(self);  // destroys this
    if (told != nullptr) told->on_let_in(error);
  }

  // The program says nothing to a knock: it has closed it, or its listener.
  void on_fd_ready(loop::FdWatch&, bool, bool) override { desk_.knocks_.erase(self); }

  AcceptDesk& desk_;
  UniqueFd program_;
  loop::TcpDial dial_;
  SocketAddress from_;
  UniqueFd connection_;
  std::optional<loop::FdWatch> watch_;
};

AcceptDesk::AcceptDesk(loop::Loop& loop) : loop_(loop) {}

AcceptDesk::~AcceptDesk() = default;

void AcceptDesk::knock(const SocketAddress& listener, UniqueFd program, Caller& caller) {
  knocks_.push_front(std::make_unique<Knock>(*this, listener, std::move(program), caller));
  knocks_.front()->self = knocks_.begin();
}

void AcceptDesk::withdraw(const Caller& caller) {
  knocks_.remove_if([&](const auto& knock) { return knock->caller == &caller; });
}

UniqueFd AcceptDesk::take(const SocketAddress& peer, std::uint64_t cookie, const Asker& asker) {
  const auto found = std::find_if(knocks_.begin(), knocks_.end(),
                                  [&](const auto& knock) { return knock->from() == peer; });
  if (found == knocks_.end()) return {};
  auto& knock = **found;
  // Only the accepted socket has these addresses: whoever else asks has another one's cookie, or is
  // not its owner.
  const auto accepted = diag_.find(knock.listener(), knock.from(), cookie);
  if (!accepted || !asker.may_speak_for(cookie, accepted->uid)) return {};
  auto program = knock.take();
  if (knock.over()) knocks_.erase(found);
  return program;
}

}  // namespace culvert::agent
