// service/path_packets.h: packets of UDP paths (PROTOCOL.md section 7.2) at the discovery server's
// sockets: whose they are. Knows neither sockets nor sessions. Answers nothing: what names no path
// that is here is dropped.
#pragma once
#include <unordered_map>
#include <vector>

#include "tunnel/path/path.h"

namespace culvert::service {

class PathPackets {
 public:
  class Sender {  // the sockets
   public:
    virtual void send_path_packets(std::size_t socket, const SocketAddress& to,
                                   const std::vector<Bytes>& packets) = 0;

   protected:
    ~Sender() = default;
  };
  class Receiver {  // a path; none of these may end it
   public:
    virtual void on_path_packet(std::size_t socket, const SocketAddress& from, Bytes packet) = 0;
    virtual void on_path_batch_ended() = 0;

   protected:
    ~Receiver() = default;
  };

  explicit PathPackets(Random& random) : random_(random) {}
  path::Path make_path() const;  // of a name that no other has

  struct Place {
    std::size_t socket;
    SocketAddress at;  // from outside
  };
  // Null: there are none.
  void set_sender(Sender* sender, std::vector<Place> places = {});
  const std::vector<Place>& places() const { return places_; }
  // One of the same family as `to`.
  std::optional<std::size_t> socket_for(const IpAddress& to) const;
  void send(std::size_t socket, const SocketAddress& to, const std::vector<Bytes>& packets);

  void add(std::uint32_t path, Receiver& receiver) { paths_[path] = &receiver; }
  void remove(std::uint32_t path) { paths_.erase(path); }

  // By the sockets. False: it is none.
  bool take(std::size_t socket, const SocketAddress& from, Bytes packet);
  void batch_ended();

 private:
  Random& random_;
  Sender* sender_ = nullptr;
  std::vector<Place> places_;
  std::unordered_map<std::uint32_t, Receiver*> paths_;
  std::vector<std::uint32_t> in_batch_;  // paths that got something
};

}  // namespace culvert::service
