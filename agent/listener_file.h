// agent/listener_file.h: which listeners programs have told of, in a file of the state directory
// (mode 0600: tokens of stand-ins are in it), for the agent that is started after this one was
// killed.
//
//   "CVRL" | u16 version | text16 boot | TCP listeners | UDP listeners (agent/snapshot.h)
//
// The kernel never gives the cookie of a socket to another one while the machine is up. So an entry
// is worth something until the next boot (proc(5), /proc/sys/kernel/random/boot_id), and stale ones
// are of no socket. Knows no socket itself: whoever loads it asks the kernel what is still there.
#pragma once
#include <string>
#include <vector>

#include "agent/listener_watch.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

struct ToldListeners {
  std::vector<WatchedListener> tcp, udp;
};

class ListenerFile final : private loop::Timer::Listener {
 public:
  static constexpr std::chrono::milliseconds kPause{50};  // between two writes, at least
  static constexpr std::chrono::minutes kRetry{1};

  class Source {
   public:
    virtual ToldListeners told_listeners() const = 0;

   protected:
    ~Source() = default;
  };

  // The source must outlive it, but for the destructor. `boot`: boot_of_machine().
  ListenerFile(loop::Loop& loop, std::string path, std::string boot, const Source& source);

  // Nothing if there is no file, or one of another boot. An error: it is damaged, others may have
  // written it, or it cannot be read.
  Result<ToldListeners> load() const;
  void changed();  // written as soon as the loop turns, or when kPause has passed
  void save();     // what is unsaved

 private:
  void on_timer(loop::Timer&) override { save(); }

  std::string path_, boot_;
  const Source& source_;
  loop::Loop& loop_;
  loop::Timer timer_;
  std::optional<TimePoint> saved_at_;
  bool unsaved_ = false;
};

std::string boot_of_machine();  // empty: unknown; then nothing is kept

}  // namespace culvert::agent
