// agent/udp_place.h: the one UDP socket at which peers reach this endpoint and from which it
// reaches them, told apart by the first octet (RFC 7983, tunnel/path/packet.h), and how the
// discovery servers see it.
//
// Answers nothing by itself: what does not belong to a path that is there, or to a question that
// was asked, is dropped. IPv4 alone.
#pragma once
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "agent/own_endpoint.h"
#include "tunnel/control/path_offer.h"
#include "tunnel/loop/timer.h"
#include "tunnel/loop/udp_socket.h"
#include "tunnel/path/path.h"
#include "tunnel/punch/allocation.h"
#include "tunnel/stun/survey.h"

namespace culvert::agent {

struct UdpSight {
  bool asked = false;                   // there are discovery servers, and they were asked
  std::optional<SocketAddress> mapped;  // of the shared socket, by the first that answered
  control::Allocation allocation;
};

class UdpPlace final : private loop::UdpSocket::Listener, private loop::Timer::Listener {
 public:
  // A path, for packets that name it. None of these may end the path.
  class Receiver {
   public:
    virtual void on_path_packet(const loop::UdpSocket& socket, const SocketAddress& from,
                                Bytes packet) = 0;
    virtual void on_opaque_packet(const loop::UdpSocket& socket, const SocketAddress& from,
                                  Bytes packet) = 0;  // without what names the path
    virtual void on_path_batch_ended() = 0;

   protected:
    ~Receiver() = default;
  };
  class Waiter {
   public:
    virtual void on_udp_seen(const UdpSight& sight) = 0;  // once for each look(), never inside it

   protected:
    ~Waiter() = default;
  };

  static constexpr std::size_t kSurveyed = 6;  // sockets, each of which asks every server

  explicit UdpPlace(const OwnEndpoint& self);
  ~UdpPlace();

  Result<void> open(std::uint16_t port);  // 0: the kernel chooses
  void close() { socket_.reset(); }
  bool is_open() const { return socket_.has_value(); }
  SocketAddress local() const { return local_; }
  const loop::UdpSocket* shared() const { return socket_ ? &*socket_ : nullptr; }
  // Another one, from any port, whose packets are told apart alike; null: the system has none.
  std::unique_ptr<loop::UdpSocket> make_socket();

  // Of the service. True: they are others than before.
  bool set_servers(const std::vector<SocketAddress>& servers);
  const SocketAddress& first_server() const { return servers_.front(); }
  bool has_servers() const { return !servers_.empty(); }

  const UdpSight& last_sight() const { return last_; }  // for people
  // The network changed: it is another barrier, perhaps. Whoever waits is told of that one.
  void forget_sight();

  // Where we are seen now. Behind a barrier that gives each destination another port, the first
  // time also how it gives them: kSurveyed more sockets ask.
  void look(Waiter& waiter);
  void forget(const Waiter& waiter);

  bool has(std::uint32_t path) const { return paths_.contains(path); }
  void add(std::uint32_t path, Receiver& receiver) { paths_[path] = &receiver; }
  void remove(std::uint32_t path) { paths_.erase(path); }

 private:
  void on_received(loop::UdpSocket& socket, const SocketAddress& from, Bytes data,
                   std::size_t segment) override;
  void on_receive_failed(loop::UdpSocket&, int) override {}
  void on_batch_ended(loop::UdpSocket& socket) override;
  void on_timer(loop::Timer& timer) override;
  void sort(loop::UdpSocket& socket, const SocketAddress& from, Bytes packet);
  void begin();
  void go_on();
  void ask(std::vector<stun::Survey::Question> questions);
  void survey_more();
  void conclude(std::uint16_t newest);

  const OwnEndpoint& self_;
  std::optional<loop::UdpSocket> socket_;
  SocketAddress local_;
  std::vector<SocketAddress> servers_;  // IPv4
  std::unordered_map<std::uint32_t, Receiver*> paths_;
  std::vector<std::uint32_t> in_batch_;  // paths that got something
  std::vector<Waiter*> waiting_;
  std::optional<stun::Survey> survey_;
  std::vector<std::unique_ptr<loop::UdpSocket>> further_;  // that ask, too
  bool surveying_more_ = false;
  control::Allocation allocation_;  // kUnknown: not found out here
  UdpSight sight_, last_;
  loop::Timer timer_;
};

// Sends what goes the same way in one go.
void send_packets(int fd, const SocketAddress& to, const std::vector<Bytes>& packets);

}  // namespace culvert::agent
