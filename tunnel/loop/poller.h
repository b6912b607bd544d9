// tunnel/loop/poller.h: the loop's own epoll instance, in which the loop sleeps. libuv's is one of
// the descriptors that it watches.
//
// A uv_poll costs an ADD and a DEL to try the descriptor out, then an ADD and a MOD for every
// change of interest: 13 of the 43 system calls of a short connection [measured with strace]. Here
// a descriptor costs one ADD, and nothing when it is closed.
#pragma once
#include <sys/epoll.h>
#include <uv.h>

#include <cstdint>
#include <vector>

#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/handle.h"

namespace culvert::loop {

class Poller {
 public:
  class Watcher {
   public:
    virtual void on_events(std::uint32_t events) = 0;  // EPOLL*; may destroy this and others
    virtual void on_again() {}                         // after call_again(); may destroy as well

   protected:
    ~Watcher() = default;
  };

  explicit Poller(uv_loop_t* loop);
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // One watcher per descriptor; it must not be destroyed before forget() or unwatch().
  void watch(int fd, std::uint32_t events, Watcher& watcher);
  void change(int fd, std::uint32_t events);
  void forget(int fd);   // right before close(), which ends the kernel's watching too
  void unwatch(int fd);  // the descriptor lives on
  void disown(int fd);   // ... with another loop, which may be of another thread

  // on_again() is called once, from the loop, before it sleeps.
  void call_again(int fd);
  void cancel_again(int fd);

  // Waits for events for at most so long (< 0: no limit), unless somebody is to be called again,
  // and calls everybody concerned. True if libuv has an event.
  bool poll(int milliseconds);
  void run_libuv();  // whatever is due there, without waiting

 private:
  // The kernel's events name a place and its generation: those of a descriptor that was closed
  // (and its number given to another) in the same batch reach nobody.
  struct Place {
    Watcher* watcher = nullptr;
    std::uint32_t generation = 0;
    bool known_to_kernel = false;
    bool queued = false;  // in again_
    bool again = false;   // and to be called
  };
  static constexpr int kBatch = 256;

  Place& place_of(int fd) { return places_[static_cast<std::size_t>(fd)]; }
  bool tell_kernel(int operation, int fd, std::uint32_t events);
  void let_go(int fd);
  bool tell(const epoll_event& event);
  void call_all();
  void on_check();  // somebody else runs the libuv loop (tests do)

  uv_loop_t* loop_;
  UniqueFd epoll_;
  Handle<uv_check_t> check_;  // keeps the libuv loop alive while descriptors are watched
  bool runs_libuv_ = false;
  std::vector<Place> places_;
  std::size_t watched_ = 0;
  std::vector<int> again_;
  std::size_t again_count_ = 0;
};

}  // namespace culvert::loop
