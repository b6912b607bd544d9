// service/path_packets.h: packets of UDP paths (PROTOCOL.md section 7.2) at the discovery server's
// sockets: whose they are. Knows neither sockets nor sessions. Answers nothing: what names no path
// that is here is dropped.
//
// The sockets are of one loop, paths of any: each is told on its own. All may send.
#pragma once
#include <mutex>
#include <unordered_map>
#include <vector>

#include "service/datagram_door.h"
#include "tunnel/path/path.h"

namespace culvert::service {

class PathPackets {
 public:
  class Sender {  // the sockets
   public:
    // In any thread.
    virtual void send_path_packets(std::size_t socket, const SocketAddress& to,
                                   const std::vector<Bytes>& packets) = 0;

   protected:
    ~Sender() = default;
  };
  class Receiver {  // a path
   public:
    // In its own thread, and never at once.
    virtual void on_path_packets(std::size_t socket, const SocketAddress& from,
                                 const Parcel& packets) = 0;

   protected:
    ~Receiver() = default;
  };
  using Door = DatagramDoor<Receiver>;

  explicit PathPackets(Random& random) : random_(random) {}

  struct Place {
    std::size_t socket;
    SocketAddress at;  // from outside
  };
  // Null: there are none. While no thread but the caller's has a path.
  void set_sender(Sender* sender, std::vector<Place> places = {});
  const std::vector<Place>& places() const { return places_; }
  // One of the same family as `to`.
  std::optional<std::size_t> socket_for(const IpAddress& to) const;
  void send(std::size_t socket, const SocketAddress& to, const std::vector<Bytes>& packets);

  // Of a name that no other has; its packets come in by the door.
  path::Path make_path(const Door& door);
  void remove(std::uint32_t path);

  // By the sockets. False: it is none.
  bool take(std::size_t socket, const SocketAddress& from, Bytes packet);
  void batch_ended();

 private:
  struct Arrived {  // in this batch, of one path, from one place
    std::uint32_t path;
    std::size_t socket;
    SocketAddress from;
    Parcel packets;
  };
  Random& random_;
  Sender* sender_ = nullptr;
  std::vector<Place> places_;
  std::mutex mutex_;
  std::unordered_map<std::uint32_t, Door> paths_;
  std::vector<Arrived> arrived_;
};

}  // namespace culvert::service
