#include "service/media_door.h"

#include <algorithm>

#include "service/client_link.h"
#include "tunnel/base/log.h"

namespace culvert::service {

MediaDoor::MediaDoor(loop::Loop& loop, loop::Mailbox& mailbox,
                     const std::vector<MediaConfig>& config, const Directory& directory)
    : loop_(loop), config_(config), directory_(directory), self_(*this, mailbox) {}

MediaDoor::~MediaDoor() { self_.forget(); }

Result<void> MediaDoor::listen() {
  for (const auto& one : config_) {
    auto& entry = entries_.emplace_back(*this, one);
    if (const auto listening = entry.listener.listen(one.listen); !listening)
      return fail(listening.error().code,
                  "[[media]] " + one.name + ": " + listening.error().detail +
                      "; stop what uses it, or change its \"listen\" (each entry needs a port of "
                      "its own)");
  }
  return {};
}

std::vector<SocketAddress> MediaDoor::addresses() const {
  std::vector<SocketAddress> all;
  for (const auto& entry : entries_) all.push_back(entry.listener.address());
  return all;
}

void MediaDoor::take(Entry& entry, UniqueFd fd, const SocketAddress& peer) {
  const auto& config = entry.config;
  const auto address = peer.ip.canonical();
  if (std::ranges::none_of(config.from,
                           [&](const IpPrefix& prefix) { return prefix.contains(address); }))
    return log_refused(config, peer, "its address is not listed (media.from)");
  if (*entry.taken >= config.most_callers)
    return log_refused(config, peer, "too many are connected (media.most_callers)");
  call(config,
       {std::move(fd),
        {address, peer.port},
        config.name,
        config.port,
        std::make_unique<MediaCaller::Seat>(entry.taken)},
       /*again=*/false);
}

void MediaDoor::call(const MediaConfig& entry, MediaCaller caller, bool again) {
  const auto there = directory_.reachable(entry.endpoint, entry.name, loop_.now());
  if (there)
    return there->link.post([caller = std::move(caller)](ClientLink& link) mutable {
      link.take_media_caller(std::move(caller));
    });
  if (again)
    return log_refused(entry, caller.from,
                       "no endpoint " + entry.endpoint + " is online with a published port");
  directory_.ask_again(entry.endpoint, self_,
                       [&entry, caller = std::move(caller)](MediaDoor& door) mutable {
                         door.call(entry, std::move(caller), /*again=*/true);
                       });
}

void MediaDoor::log_refused(const MediaConfig& entry, const SocketAddress& peer,
                            const std::string& why) {
  if (!lines_.take(loop_.now())) return;
  if (const auto left_out = lines_.left_out())
    log::warning("media", {{"event", "lines-left-out"}, {"lines", left_out}});
  log::warning("media", {{"event", "refused"},
                         {"name", entry.name},
                         {"from", peer.to_string()},
                         {"endpoint", entry.endpoint},
                         {"port", entry.port},
                         {"why", why}});
}

}  // namespace culvert::service
