// agent/control_socket.h: the unix SOCK_SEQPACKET socket that shims and `culvert` connect to.
//
// The kernel says who connects (SO_PEERCRED): other users are turned away here, before a byte of
// theirs is read. The same at an abstract name (shim/wire.h), for programs in a chroot, which do
// not see the file; it is made anew by each process, and missing it is no failure. A socket file
// that a dead agent left behind is replaced; one that answers is not.
#pragma once
#include <optional>
#include <string>

#include "agent/asker.h"
#include "tunnel/base/result.h"
#include "tunnel/base/seldom.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/fd_watch.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

class ControlSocket final : private loop::FdWatch::Listener, private loop::Timer::Listener {
 public:
  class Listener {
   public:
    virtual void on_asker(UniqueFd socket, const Asker& asker) = 0;  // non-blocking

   protected:
    ~Listener() = default;
  };

  ControlSocket(loop::Loop& loop, Listener& listener);
  ~ControlSocket();  // removes the socket file if it is still ours

  // Mode 0600, or 0666 with `any_user`. The directory must exist.
  Result<void> listen(const std::string& path, bool any_user);
  // Instead: one of an earlier process, whose file has this inode. False: it is not at `path` (any
  // more), and is closed.
  bool adopt(UniqueFd listening, std::uint64_t inode, const std::string& path, bool any_user);
  int pass_on();  // borrowed; the file stays when this is destroyed
  std::uint64_t inode() const { return inode_; }
  bool listening() const { return watch_.has_value(); }
  void pause();  // until resume(): askers wait in the kernel's queue
  void resume();

 private:
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void on_timer(loop::Timer& timer) override;
  void begin(UniqueFd listening, std::uint64_t inode, const std::string& path, bool any_user);
  void open_abstract();
  UniqueFd accept_at(const loop::FdWatch& watch) const;
  void watch_for_askers(bool on);
  bool may_ask(const Asker& asker) const;

  loop::Loop& loop_;
  Listener& listener_;
  std::string path_;
  std::uint64_t inode_ = 0;  // of the socket file as we made it
  bool any_user_ = false;
  uid_t own_uid_;
  bool paused_ = false, passed_on_ = false;
  UniqueFd fd_;
  std::optional<loop::FdWatch> watch_;
  UniqueFd abstract_fd_;
  std::optional<loop::FdWatch> abstract_watch_;
  Seldom complaint_;   // that descriptors ran out
  Seldom refusals_;    // of users who may not ask
  loop::Timer retry_;  // after descriptors ran out: a readable listener would otherwise spin
};

}  // namespace culvert::agent
