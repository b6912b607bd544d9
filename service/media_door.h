// service/media_door.h: where hosts that speak RTP by TCP (RFC 4571) connect to call an endpoint's
// UDP port: one listening port for each entry of the configuration, because a frame names nobody.
// Whoever is not listed in `from` is hung up on. The call itself is the endpoint's session's
// (client_link.h), which may refuse it: then the connection ends.
//
// Nothing is sent to a host but on the connection that it has made, so none can be hit by way of
// another's address.
#pragma once
#include <atomic>
#include <list>

#include "service/config.h"
#include "service/directory.h"
#include "service/line_budget.h"
#include "tunnel/loop/tcp_listener.h"

namespace culvert::service {

// A host that is connected and wants to be heard.
struct MediaCaller {
  // One of MediaConfig::most_callers; freed wherever the caller is by then.
  class Seat {
   public:
    explicit Seat(std::shared_ptr<std::atomic<std::size_t>> taken) : taken_(std::move(taken)) {
      ++*taken_;
    }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    ~Seat() { --*taken_; }

   private:
    std::shared_ptr<std::atomic<std::size_t>> taken_;
  };

  UniqueFd connected;
  SocketAddress from;
  std::string name;  // MediaConfig::name
  std::uint16_t port = 0;
  std::unique_ptr<Seat> seat;
};

class MediaDoor final {
 public:
  // `mailbox`: of this loop. All outlive it.
  MediaDoor(loop::Loop& loop, loop::Mailbox& mailbox, const std::vector<MediaConfig>& config,
            const Directory& directory);
  ~MediaDoor();
  Result<void> listen();
  void close() { entries_.clear(); }
  std::vector<SocketAddress> addresses() const;  // as bound, in the order of the configuration

 private:
  struct Entry final : loop::TcpListener::Listener {
    Entry(MediaDoor& door_of, const MediaConfig& config_of)
        : door(door_of), config(config_of), listener(door.loop_, *this) {}
    void on_accepted(UniqueFd fd, const SocketAddress& peer) override {
      door.take(*this, std::move(fd), peer);
    }
    MediaDoor& door;
    const MediaConfig& config;
    std::shared_ptr<std::atomic<std::size_t>> taken = std::make_shared<std::atomic<std::size_t>>(0);
    loop::TcpListener listener;
  };
  void take(Entry& entry, UniqueFd fd, const SocketAddress& peer);
  void call(const MediaConfig& entry, MediaCaller caller, bool again);
  void log_refused(const MediaConfig& entry, const SocketAddress& peer, const std::string& why);

  loop::Loop& loop_;
  const std::vector<MediaConfig>& config_;
  const Directory& directory_;
  loop::Remote<MediaDoor> self_;
  std::list<Entry> entries_;
  LineBudget lines_;
};

}  // namespace culvert::service
