#include "agent/identity_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "tunnel/base/log.h"

namespace culvert::agent {

IdentityWatch::IdentityWatch(loop::Loop& loop, const std::string& state_directory,
                             const Identity& now, Listener& listener)
    : directory_(state_directory),
      name_(now.name),
      key_(now.key.public_key),
      listener_(listener),
      events_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!events_ || ::inotify_add_watch(events_.get(), directory_.c_str(),
                                      IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR) < 0) {
    log::info("identity", {{"event", "not-watched"},
                           {"why", std::strerror(errno)},
                           {"effect", "after culvert enroll the agent has to be restarted"}});
    return;
  }
  watch_.emplace(loop, events_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
}

bool IdentityWatch::heard_of_it() {
  const auto file = std::filesystem::path(identity_file(directory_)).filename().string();
  alignas(inotify_event) std::array<char, 4096> events;
  bool heard = false;
  for (ssize_t size = 0; (size = ::read(events_.get(), events.data(), events.size())) > 0;) {
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      inotify_event event{};
      std::memcpy(&event, events.data() + at, sizeof event);
      const char* name = events.data() + at + sizeof event;
      heard = heard || (event.mask & IN_Q_OVERFLOW) != 0 || (event.len != 0 && file == name);
      at += sizeof event + event.len;
    }
  }
  return heard;
}

void IdentityWatch::on_fd_ready(loop::FdWatch&, bool, bool) {
  if (!heard_of_it()) return;
  const auto fresh = load_identity(directory_);
  if (!fresh)
    return log::warning("identity", {{"event", "ignored"}, {"why", fresh.error().detail}});
  if (fresh->name == name_ && fresh->key.public_key == key_) return;
  watch_->stop();
  listener_.on_other_identity();  // may destroy this
}

}  // namespace culvert::agent
