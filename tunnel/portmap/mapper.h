// tunnel/portmap/mapper.h: has ports of this machine mapped by its gateway, and keeps them mapped.
// Sans-IO: datagrams in and out, tasks for culvert-igd out and their answers in.
//
//   probing: PCP, NAT-PMP and UPnP at once; 250 ms for the first two, 2 s for the third
//   each port: choosing the best method that is there -> asking -> holding, renewed at half its
//   life
//              refused, or silent -> the next method -> none: again in ten minutes
//
// By IPv6 there is no translator, as a rule, but a firewall: what PCP maps there is a hole in that
// (RFC 6887 section 11), at the address that the machine has anyway. The others do not know it.
//
// Only the gateway is heard, and nobody else asked but by UPnP's multicast search; what it says is
// checked for form and for being an answer to a question. That a mapping lets anybody in is for
// others to find out.
#pragma once
#include <array>
#include <deque>
#include <optional>
#include <vector>

#include "tunnel/base/random.h"
#include "tunnel/portmap/epoch.h"
#include "tunnel/portmap/igd_answer.h"
#include "tunnel/portmap/nat_pmp.h"
#include "tunnel/portmap/pcp.h"

namespace culvert::portmap {

class Mapper {
 public:
  using Milliseconds = std::chrono::milliseconds;
  using Seconds = std::chrono::seconds;
  static constexpr Milliseconds kProbeBudget{250}, kProbeAgain{80};      // PCP, NAT-PMP
  static constexpr Milliseconds kSearchBudget{2000}, kSearchAgain{500};  // UPnP
  static constexpr Milliseconds kAskAgain{250};                          // doubled each time
  static constexpr Milliseconds kDeleteAgain{20};                        // likewise
  static constexpr int kTries = 5, kDeleteTries = 3;
  static constexpr std::chrono::minutes kAbsentFor{10};
  static constexpr Seconds kLifetime{7200}, kLeastLifetime{60}, kMostLifetime{86'400};
  static constexpr Seconds kSoon{60};        // between tries to renew what is still mapped
  static constexpr Seconds kLeastPause{10};  // between checks, whatever the gateway's clock says
  static constexpr std::size_t kMostPorts = 8;

  enum class Presence : std::uint8_t { kUnknown, kPresent, kAbsent };
  struct Datagram {
    SocketAddress to;
    ByteVector octets;
  };
  struct PortReport {
    Port port;
    std::optional<Mapping> mapping;
    std::string why;  // there is none; for people
  };

  explicit Mapper(Random& random) : random_(random) {}

  // The network that this machine is in now; none: no gateway. The same as before: check().
  void set_network(const std::optional<Network>& network, TimePoint now);
  void want(const Port& port, TimePoint now);    // at most kMostPorts
  void unwant(const Port& port, TimePoint now);  // deletes its mapping
  void check(TimePoint now);                     // perhaps the gateway has forgotten
  void stop(TimePoint now);                      // deletes all mappings; want() ends here
  bool stopped() const { return leases_.empty(); }

  void receive(Bytes datagram, const SocketAddress& from, TimePoint now);
  void tick(TimePoint now);
  std::optional<TimePoint> next_deadline() const;
  std::optional<Datagram> take_datagram();
  // To be done by culvert-igd; one at a time, each answered by igd_answered().
  std::optional<IgdTask> take_task(TimePoint now);
  void igd_answered(const Result<IgdAnswer>& answer, TimePoint now);

  bool take_news() { return std::exchange(news_, false); }  // a mapping has come, changed, gone
  // The gateway has begun anew, or has another address: connections through it may be dead. Once in
  // kLeastPause at most.
  bool take_restart() { return std::exchange(restarted_, false); }
  bool probing() const { return probing_since_.has_value(); }
  Presence presence(Method method) const { return speakers_[index(method)].presence; }
  const std::optional<Network>& network() const { return network_; }
  std::vector<PortReport> report() const;

 private:
  enum class Step : std::uint8_t { kChoosing, kAsking, kHolding, kDeleting };
  struct Speaker {
    Presence presence = Presence::kUnknown;
    Epoch epoch;
  };
  struct Lease {
    Port port;
    PcpNonce nonce{};
    Step step = Step::kChoosing;
    Method method = Method::kPcp;
    std::array<bool, kMethods> refused{};
    std::optional<Mapping> mapping;  // in kDeleting: what is deleted
    TimePoint due{};  // kAsking, kDeleting: the next try; kHolding: the next question
    int tries = 0;
    bool wanted = true;
    std::string why;
  };
  static constexpr std::size_t index(Method method) { return static_cast<std::size_t>(method); }

  void start_probe(TimePoint now);
  void tick_probe(TimePoint now);
  std::optional<TimePoint> probe_deadline() const;
  void heard(Method method, TimePoint now);
  void heard_clock(Method method, std::uint32_t epoch, TimePoint now);
  void absent_if_unknown(Method method);
  void receive_pcp(Bytes datagram, TimePoint now);
  void receive_nat_pmp(Bytes datagram, TimePoint now);
  void receive_ssdp(Bytes datagram, TimePoint now);
  void send(const SocketAddress& to, ByteVector octets);
  SocketAddress server() const { return {network_->gateway, kServerPort}; }

  Lease* find(const Port& port);
  void tick_lease(Lease& lease, TimePoint now);
  void choose(Lease& lease, TimePoint now);
  void choose_again(Lease& lease, TimePoint now);
  void ask(Lease& lease, TimePoint now);
  void send_question(Lease& lease, TimePoint now);
  void granted(Lease& lease, const SocketAddress& external, Duration lifetime, TimePoint now);
  void refuse(Lease& lease, const std::string& why, TimePoint now);
  void lose(Lease& lease);
  void begin_deleting(Lease& lease, TimePoint now);
  void deleted(Lease& lease, TimePoint now);
  void plan_check(bool all, TimePoint now);
  void check_now(TimePoint now);

  Random& random_;
  std::optional<Network> network_;
  bool unneeded_ = false;  // our address is public
  std::array<Speaker, kMethods> speakers_;
  std::optional<TimePoint> probing_since_;
  int probes_ = 0, searches_ = 0;
  std::string igd_url_;
  std::optional<IpAddress> external_;  // as NAT-PMP says
  std::vector<Lease> leases_;
  std::optional<IgdTask> running_;
  std::uint32_t generation_ = 0, checked_generation_ = 0;
  std::optional<TimePoint> check_at_, checked_at_;
  bool check_all_ = false, news_ = false, restarted_ = false;
  std::deque<Datagram> out_;
};

}  // namespace culvert::portmap
