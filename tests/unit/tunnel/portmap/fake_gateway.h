// tests/unit/tunnel/portmap/fake_gateway.h: a gateway that speaks what it is told to, in simulated
// time, over a network that loses datagrams.
#pragma once
#include <map>
#include <random>
#include <set>

#include "tests/unit/tunnel/seeded_random.h"
#include "tunnel/portmap/mapper.h"

namespace culvert::portmap {

class FakeGateway {
 public:
  explicit FakeGateway(unsigned seed = 1, const Network& where = {IpAddress::v4(0x0a010001),
                                                                  IpAddress::v4(0x0a010002)})
      : network(where), random(seed), mapper(random), rng_(seed) {}

  const Network network;
  std::set<Method> speaks;
  unsigned lost_of_ten = 0;
  IpAddress external = IpAddress::v4(0xc6336407);
  std::uint16_t first_port = 0;  // mapped from here on; 0: what is suggested
  std::uint32_t lifetime = 7200;
  std::uint8_t pcp_result = 0;
  bool igd_permanent = false, igd_refuses = false, hears_group_alone = false;

  SeededRandom random;
  Mapper mapper;
  TimePoint now{std::chrono::seconds{1'000'000}};
  std::map<std::pair<Protocol, std::uint16_t>, std::uint16_t> mapped;  // internal -> external
  std::size_t asked = 0, map_requests = 0;                             // datagrams

  void restart();  // forgets all
  void announce(Method method);
  void run_for(Duration time);  // simulated
  std::optional<Mapping> mapping(const Port& port) const;
  std::string why(const Port& port) const;
  // A map answer as the gateway would give it for this request.
  ByteVector answer_pcp(Bytes request);
  SocketAddress server() const { return {network.gateway, kServerPort}; }
  std::optional<ByteVector> last_pcp_map;  // request

 private:
  struct Flight {
    TimePoint at;
    ByteVector octets;
    SocketAddress from;
  };
  void take(const Mapper::Datagram& datagram);
  void answer(ByteVector octets, std::uint16_t from_port);
  std::uint16_t map(const Port& port, std::uint16_t suggested, std::uint32_t seconds);
  ByteVector answer_nat_pmp(Bytes request);
  void do_task(const IgdTask& task);
  std::uint32_t epoch() const;
  bool lost() { return rng_() % 10 < lost_of_ten; }

  std::mt19937 rng_;
  TimePoint booted_{std::chrono::seconds{900'000}};
  std::vector<Flight> flights_;
  std::optional<std::pair<TimePoint, IgdTask>> task_;
};

}  // namespace culvert::portmap
