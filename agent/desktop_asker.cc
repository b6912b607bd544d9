#include "agent/desktop_asker.h"

#include <unistd.h>

#include <cstdlib>

#include "tunnel/base/log.h"
#include "tunnel/proxies/desktop_settings.h"

namespace culvert::agent {
namespace {

constexpr const char* kTool = "/usr/bin/gsettings";

}  // namespace

bool DesktopAsker::possible() {
  return std::getenv("DBUS_SESSION_BUS_ADDRESS") != nullptr && ::access(kTool, X_OK) == 0;
}

DesktopAsker::DesktopAsker(loop::Loop& loop, Listener& listener)
    : listener_(listener), timer_(loop, *this) {
  std::vector<std::string> environment{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
  for (const char* name :
       {"HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_DIRS", "DBUS_SESSION_BUS_ADDRESS"})
    if (const char* value = std::getenv(name); value != nullptr)
      environment.push_back(std::string(name) + "=" + value);
  const auto started = loop::ChildProcess::start(
      loop, {kTool, "list-recursively", "org.gnome.system.proxy"}, environment,
      static_cast<loop::ChildProcess::Listener&>(*this), child_);
  if (!started)
    log::info("proxies", {{"event", "desktop-not-asked"}, {"why", started.error().detail}});
  timer_.start(started ? Duration{kLimit} : Duration::zero());
}

void DesktopAsker::on_child_output(loop::ChildProcess&, Bytes output) {
  if (printed_.size() < kMostPrinted) printed_ += as_text(output);
}

// Its end and the time limit are alike: what it has said counts.
void DesktopAsker::on_child_ended(loop::ChildProcess&) { timer_.start(Duration::zero()); }

void DesktopAsker::on_timer(loop::Timer&) {
  child_.reset();
  listener_.on_desktop_answer(proxies::from_gsettings(printed_));
}

}  // namespace culvert::agent
