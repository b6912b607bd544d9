// agent/desktop_asker.h: asks GNOME for the proxies of the user that this agent runs as, by the
// tool that its desktop has for that. A system service has no desktop and asks nobody.
#pragma once
#include <optional>
#include <string>

#include "tunnel/loop/child_process.h"
#include "tunnel/loop/timer.h"
#include "tunnel/proxies/proxy_settings.h"

namespace culvert::agent {

class DesktopAsker final : private loop::ChildProcess::Listener, private loop::Timer::Listener {
 public:
  static constexpr std::chrono::seconds kLimit{1};
  static constexpr std::size_t kMostPrinted = 64 * 1024;

  class Listener {
   public:
    // Once, never from the constructor; may destroy this. Empty: nothing is set.
    virtual void on_desktop_answer(const proxies::ProxySettings& settings) = 0;

   protected:
    ~Listener() = default;
  };

  // Whether there is a session to be asked: its bus is in the environment, and gsettings installed.
  static bool possible();
  DesktopAsker(loop::Loop& loop, Listener& listener);

 private:
  void on_child_output(loop::ChildProcess& child, Bytes output) override;
  void on_child_ended(loop::ChildProcess& child) override;
  void on_timer(loop::Timer& timer) override;

  Listener& listener_;
  std::optional<loop::ChildProcess> child_;
  std::string printed_;
  loop::Timer timer_;
};

}  // namespace culvert::agent
