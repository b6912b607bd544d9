// A client and a service with a middlebox between them, in virtual time: octets are cut at random
// places, whole bodies are held back, connections die, requests are repeated. No sockets, no clock.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>

#include "gate.h"
#include "tail.h"
#include "tunnel/exchange/client.h"
#include "tunnel/exchange/server.h"
#include "tunnel/exchange/server_connection.h"

namespace culvert::exchange {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(MutableBytes out) override {
    for (auto& octet : out) octet = static_cast<std::byte>(engine_());
  }
  std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }
  bool one_in(std::uint64_t count) { return count != 0 && below(count) == 0; }

 private:
  std::mt19937_64 engine_;
};

struct Middlebox {
  Duration delay = milliseconds{20};                   // one way
  bool holds_requests = false, holds_answers = false;  // until they are whole
  bool closes = false;                                 // after each answer
  bool notices_leavers = true;
  std::uint64_t dies = 0;     // one piece in so many kills its connection
  std::uint64_t repeats = 0;  // one request in so many arrives twice; needs holds_requests
  std::size_t cut = 64 * 1024;
  // What a request needs of the long way behind the middlebox: a connection of its own that begins
  // with ten segments (`dials`), and its share of so many octets in a millisecond; 0: no limit.
  bool dials = false;
  std::size_t rate = 0;
  // Of an unfinished body only whole packets of so many octets pass at once; 0: all (tail.h).
  std::size_t packet = 0;
  std::size_t most_connections = 1000;  // more are refused, after so long
  Duration silence{};
  Asks asks = Asks::kNobody;
  bool gate_closes = false, wrong_word = false;
};

class World final : private Directory {
 public:
  World(std::uint64_t seed, Middlebox box, Capabilities known = {});
  ~World();

  // Runs until `done`, at most so long in virtual time.
  [[nodiscard]] bool run(const std::function<bool()>& done, Duration most = seconds{60});
  void idle_for(Duration time) {
    (void)run([] { return false; }, time);
  }

  Client& client() { return *client_; }
  Server* server() { return servers_.empty() ? nullptr : servers_.begin()->second.get(); }
  void forget_servers() { servers_.clear(); }
  void kill_connections();
  void refuse_dials(bool yes) { refuses_ = yes; }
  std::size_t connections() const { return links_.size(); }
  std::size_t most_connections() const { return most_connections_; }
  std::size_t octets_up() const { return octets_up_; }  // of the client's connections
  std::size_t requests() const { return requests_; }
  const KnowsTheWord& login() const { return *login_; }
  std::size_t refusals() const { return refusals_; }  // by the gate
  TimePoint now() const { return now_; }

  Middlebox box;
  SeededRandom random;
  ByteVector to_client, to_service;                // still to be written
  ByteVector at_client, at_service;                // what came
  bool ends_client = false, ends_service = false;  // behind what is to be written

 private:
  struct Link;
  Found find(const ExchangeTarget& target) override;
  void at(TimePoint when, std::function<void()> what) { events_.emplace(when, std::move(what)); }
  void move_ends();
  bool move_links();  // whether octets have left
  void reached_tail(const std::shared_ptr<Link>& link, Bytes octets, bool up);
  void pass_tail(const std::shared_ptr<Link>& link, Bytes octets, bool up);
  void reached_gate(const std::shared_ptr<Link>& link, Bytes octets);
  void reached_service(Link& link, Bytes octets);
  void reached_client(Link& link, Bytes octets);
  void reached_box(const std::shared_ptr<Link>& link, Bytes octets);
  void send_far(const std::shared_ptr<Link>& link);
  void feed(Link& link, Bytes octets);
  void die(Link& link);

  TimePoint now_{seconds{1000}};
  crypto::KeyPair identity_;
  std::shared_ptr<KnowsTheWord> login_;
  std::unique_ptr<Client> client_;
  std::map<crypto::PublicKey, std::unique_ptr<Server>> servers_;
  std::multimap<TimePoint, std::function<void()>> events_;
  std::map<LaneId, std::shared_ptr<Link>> links_;
  std::vector<std::shared_ptr<Link>> ghosts_;  // the service's ends that nobody told to close
  LaneId next_lane_ = 1;
  TimePoint far_way_free_{};
  bool refuses_ = false, ended_client_ = false, ended_service_ = false;
  std::size_t most_connections_ = 0, requests_ = 0, refusals_ = 0, octets_up_ = 0;
};

}  // namespace culvert::exchange
