// agent/udp_place.h: the UDP socket, one for IPv4 and one for IPv6, at which peers reach this
// endpoint and from which it reaches them, told apart by the first octet (RFC 7983,
// tunnel/path/packet.h), and how the discovery servers see it.
//
// Answers nothing by itself: what does not belong to a path that is there, or to a question that
// was asked, is dropped. How barriers give ports is found out for IPv4 alone: by IPv6 hardly any
// does.
#pragma once
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "agent/opener_ttl.h"
#include "agent/own_endpoint.h"
#include "agent/relay_leg.h"
#include "tunnel/control/path_offer.h"
#include "tunnel/loop/timer.h"
#include "tunnel/loop/udp_socket.h"
#include "tunnel/path/path.h"
#include "tunnel/punch/allocation.h"
#include "tunnel/punch/chances.h"
#include "tunnel/punch/lifetimes.h"
#include "tunnel/punch/plan.h"
#include "tunnel/punch/private_reach.h"
#include "tunnel/stun/survey.h"

namespace culvert::agent {

struct UdpSight {
  bool asked = false;                   // there are discovery servers, and they were asked
  std::optional<SocketAddress> mapped;  // of the shared socket, by the first that answered
  control::Allocation allocation;
  bool of_low_ports = false;  // so are new mappings of sockets with a port below 1024; others any
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

  // Hears answers that nobody here asked for.
  class StunEar {
   public:
    virtual bool on_stun(const loop::UdpSocket& socket, const SocketAddress& from,
                         Bytes message) = 0;  // true: it was for it
    virtual void on_look() {}                 // somebody wants to know where we are seen

   protected:
    ~StunEar() = default;
  };

  static constexpr std::chrono::seconds kFresh{3};
  static constexpr std::size_t kSurveyed = 6;        // sockets, each of which asks every server
  static constexpr std::size_t kSurveyedSmall = 24;  // where ports are few, to see them used twice
  // Barriers that keep a low port low (RFC 4787 REQ-3a) have few of them. Linux gives 600 to 1023.
  static constexpr std::uint16_t kFirstLow = 600, kLastLow = 1023;

  explicit UdpPlace(const OwnEndpoint& self);
  ~UdpPlace();

  // 0: the kernel chooses. That of IPv6 gets the same port if it is free; without IPv6 there is
  // none.
  Result<void> open(std::uint16_t port);
  void close();
  bool is_open() const { return socket_.has_value(); }
  SocketAddress local(bool v4 = true) const { return v4 ? local_ : local_six_; }
  const loop::UdpSocket* shared(bool v4 = true) const {
    const auto& one = v4 ? socket_ : socket_six_;
    return one ? &*one : nullptr;
  }
  // Another one, from any port, whose packets are told apart alike; null: the system has none.
  std::unique_ptr<loop::UdpSocket> make_socket(bool v4 = true);

  // The same, where the burst of a path shall leave.
  std::unique_ptr<loop::UdpSocket> make_burst_socket();

  // Of the service. True: they are others than before.
  bool set_servers(const std::vector<SocketAddress>& servers);
  // Of IPv4 where that leads anywhere, or there is no other; has_servers().
  const SocketAddress& first_server() const;
  // The first of that family to which there is a route.
  std::optional<SocketAddress> server_in_reach(bool v4) const;
  bool has_servers() const { return !servers_.empty() || !servers_six_.empty(); }
  bool has_servers_of_four() const { return !servers_.empty(); }
  std::vector<IpAddress> server_addresses() const;  // the service's own

  // Packets that live for so many hops leave this network and get to nobody's barrier; nothing: not
  // known.
  std::optional<int> opener_ttl() const { return opener_.ttl(); }
  void look_for_opener() {
    if (has_servers_of_four()) opener_.look(servers_.front());
  }

  const UdpSight& last_sight() const { return last_; }  // for people
  // The network changed: it is another barrier, perhaps. Whoever waits is told of that one.
  void forget_sight();

  // Where we are seen now. Behind a barrier that gives each destination another port, the first
  // time also how it gives them: kSurveyed more sockets ask.
  void look(Waiter& waiter);
  // A call begins: a path may be looked for soon, and whoever looks then has a round trip less to
  // wait.
  void prepare();
  void look_unless_fresh(Waiter& waiter);      // by one port for all, kFresh ago at most
  void distrust_sight() { seen_at_.reset(); }  // a path was lost: the mapping may have been
  // Somebody looks for a path by TCP: what is known of our addresses is to be young enough.
  void renew();
  void forget(const Waiter& waiter);

  // The one that the shared socket has asked last, if ever; has_servers_of_four().
  const SocketAddress& least_asked_server() const {
    return servers_.size() > 1 ? servers_[1] : servers_[0];
  }
  void add_ear(StunEar& ear) { ears_.push_back(&ear); }
  void remove_ear(const StunEar& ear) { std::erase(ears_, &ear); }

  // The relay for packets, for paths that are not found; null: none.
  void set_relay_door(RelayDoor* door) { relay_door_ = door; }
  RelayDoor* relay_door() const { return relay_door_; }

  // What came to a socket that is not of ours, for the paths; then the end of what came at once.
  void take(const loop::UdpSocket& socket, const SocketAddress& from, Bytes packet);
  void batch_ended();

  punch::Chances& chances() { return chances_; }
  punch::Lifetimes& lifetimes() { return lifetimes_; }
  punch::PrivateReach& private_reach() { return private_reach_; }

  bool has(std::uint32_t path) const { return paths_.contains(path); }
  void add(std::uint32_t path, Receiver& receiver) { paths_[path] = &receiver; }
  void remove(std::uint32_t path) { paths_.erase(path); }

 private:
  void on_received(loop::UdpSocket& socket, const SocketAddress& from, Bytes data,
                   std::size_t segment) override;
  void on_receive_failed(loop::UdpSocket&, int) override {}
  void on_batch_ended(loop::UdpSocket&) override { batch_ended(); }
  void on_timer(loop::Timer& timer) override;
  bool is_fresh() const;
  void begin();
  void go_on();
  void ask(std::vector<stun::Survey::Question> questions);
  std::unique_ptr<loop::UdpSocket> make_low_socket();
  std::unique_ptr<loop::UdpSocket> wrap(UniqueFd fd);
  enum class Stage : std::uint8_t { kShared, kFurther, kSmall, kLow };
  void survey_more(Stage stage);
  void survey_ended(const std::vector<punch::Observation>& seen);
  void conclude(std::uint16_t newest);

  const OwnEndpoint& self_;
  std::optional<loop::UdpSocket> socket_, socket_six_;
  SocketAddress local_, local_six_;
  std::vector<SocketAddress> servers_, servers_six_;  // IPv4, IPv6
  std::unordered_map<std::uint32_t, Receiver*> paths_;
  RelayDoor* relay_door_ = nullptr;
  std::vector<StunEar*> ears_;
  std::vector<std::uint32_t> in_batch_;  // paths that got something
  std::vector<Waiter*> waiting_;
  std::optional<stun::Survey> survey_;
  std::vector<std::unique_ptr<loop::UdpSocket>> further_;  // that ask, too
  Stage stage_ = Stage::kShared;
  punch::Chances chances_{punch::kMostMappings};
  punch::Lifetimes lifetimes_;
  punch::PrivateReach private_reach_;
  control::Allocation allocation_;  // kUnknown: not found out here
  bool of_low_ports_ = false;
  UdpSight sight_, last_;
  std::optional<TimePoint> seen_at_;  // last_
  OpenerTtl opener_;
  loop::Timer timer_;
};

// Sends what goes the same way in one go.
void send_packets(int fd, const SocketAddress& to, const std::vector<Bytes>& packets);
void send_opener(int fd, const SocketAddress& to, Bytes packet, int ttl);

}  // namespace culvert::agent
