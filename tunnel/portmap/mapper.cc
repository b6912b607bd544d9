#include "tunnel/portmap/mapper.h"

#include <algorithm>

#include "tunnel/portmap/ssdp.h"

namespace culvert::portmap {
namespace {

constexpr std::size_t kMostWaiting = 64;  // datagrams; any more are lost, as the network loses them
constexpr Method kAll[] = {Method::kPcp, Method::kNatPmp, Method::kUpnp};

void keep_earlier(std::optional<TimePoint>& to, TimePoint other) {
  if (!to || other < *to) to = other;
}

}  // namespace

void Mapper::set_network(const std::optional<Network>& network, TimePoint now) {
  const bool unneeded = network && network->own.is_v4() && network->own.is_global();
  const auto usable = unneeded ? std::nullopt : network;
  if (usable == network_ && unneeded == unneeded_) return check(now);
  network_ = usable;
  unneeded_ = unneeded;
  out_.clear();
  check_at_.reset();
  checked_at_.reset();
  // What the gateway before has mapped is out of our reach, and ends by itself.
  std::erase_if(leases_, [](const Lease& lease) { return !lease.wanted; });
  for (auto& lease : leases_) {
    lose(lease);
    random_.fill(lease.nonce);
    lease.step = Step::kChoosing;
    lease.refused = {};
    lease.why.clear();
  }
  probing_since_.reset();
  speakers_ = {};
  external_.reset();
  if (network_) start_probe(now);
}

void Mapper::start_probe(TimePoint now) {
  if (!network_ || probing_since_) return;
  probing_since_ = now;
  probes_ = searches_ = 0;
  for (auto& speaker : speakers_) speaker.presence = Presence::kUnknown;
  if (network_->own.is_v4()) return;
  absent_if_unknown(Method::kNatPmp);
  absent_if_unknown(Method::kUpnp);
}

void Mapper::send(const SocketAddress& to, ByteVector octets) {
  if (out_.size() < kMostWaiting) out_.push_back({to, std::move(octets)});
}

std::optional<Mapper::Datagram> Mapper::take_datagram() {
  if (out_.empty()) return std::nullopt;
  auto first = std::move(out_.front());
  out_.pop_front();
  return first;
}

void Mapper::absent_if_unknown(Method method) {
  auto& presence = speakers_[index(method)].presence;
  if (presence == Presence::kUnknown) presence = Presence::kAbsent;
}

void Mapper::tick_probe(TimePoint now) {
  if (!probing_since_) return;
  const auto unknown = [this](Method method) { return presence(method) == Presence::kUnknown; };
  const auto passed = now - *probing_since_;
  if (passed >= kProbeBudget) {
    absent_if_unknown(Method::kPcp);
    absent_if_unknown(Method::kNatPmp);
  } else if (passed >= probes_ * kProbeAgain) {
    ++probes_;
    if (unknown(Method::kPcp)) send(server(), encode_pcp_announce(network_->own));
    if (unknown(Method::kNatPmp)) send(server(), encode_nat_pmp_address_request());
  }
  if (passed >= kSearchBudget) {
    absent_if_unknown(Method::kUpnp);
  } else if (unknown(Method::kUpnp) && passed >= searches_ * kSearchAgain) {
    send({network_->gateway, kSsdpPort}, encode_igd_search(network_->gateway));
    if (searches_++ > 0) send({kSsdpGroup, kSsdpPort}, encode_igd_search(kSsdpGroup));
  }
  if (std::ranges::none_of(kAll, unknown)) probing_since_.reset();
}

std::optional<TimePoint> Mapper::probe_deadline() const {
  if (!probing_since_) return std::nullopt;
  const auto unknown = [this](Method method) { return presence(method) == Presence::kUnknown; };
  std::optional<TimePoint> first;
  if (unknown(Method::kPcp) || unknown(Method::kNatPmp))
    first = *probing_since_ + std::min<Duration>(probes_ * kProbeAgain, kProbeBudget);
  if (unknown(Method::kUpnp))
    keep_earlier(first,
                 *probing_since_ + std::min<Duration>(searches_ * kSearchAgain, kSearchBudget));
  return first ? first : probing_since_;  // all are known: it only has to be noticed
}

void Mapper::tick(TimePoint now) {
  tick_probe(now);
  if (check_at_ && now >= *check_at_) check_now(now);
  for (auto& lease : leases_) tick_lease(lease, now);
  std::erase_if(leases_, [](const Lease& lease) {  // deleted, or never was
    return !lease.wanted && lease.step != Step::kDeleting;
  });
}

std::optional<TimePoint> Mapper::next_deadline() const {
  auto first = probe_deadline();
  if (check_at_) keep_earlier(first, *check_at_);
  for (const auto& lease : leases_) {
    if (lease.mapping && lease.step != Step::kDeleting)
      keep_earlier(first, lease.mapping->expires_at);
    if (lease.step == Step::kChoosing) continue;  // waits for the probe
    const bool by_igd = lease.method == Method::kUpnp && lease.step != Step::kHolding;
    if (!by_igd || !running_) keep_earlier(first, lease.due);
  }
  return first;
}

void Mapper::receive(Bytes datagram, const SocketAddress& from, TimePoint now) {
  if (!network_ || from.ip != network_->gateway || datagram.empty()) return;
  if (from.port != kServerPort) return receive_ssdp(datagram, now);
  if (datagram.front() == std::byte{0}) return receive_nat_pmp(datagram, now);
  receive_pcp(datagram, now);
}

// Somebody who speaks it is there, perhaps later than we waited.
void Mapper::heard(Method method, TimePoint now) {
  auto& presence = speakers_[index(method)].presence;
  const bool late = presence == Presence::kAbsent;
  presence = Presence::kPresent;
  if (!late) return;
  for (auto& lease : leases_)
    if (lease.step == Step::kHolding && !lease.mapping && !lease.refused[index(method)])
      choose(lease, now);
}

void Mapper::heard_clock(Method method, std::uint32_t epoch, TimePoint now) {
  if (speakers_[index(method)].epoch.accept(epoch, now)) return;
  ++generation_;
  plan_check(/*all=*/false, now);
}

void Mapper::receive_pcp(Bytes datagram, TimePoint now) {
  const auto answer = decode_pcp_answer(datagram);
  if (!answer) return;
  if (answer->result == kPcpUnsupportedVersion)  // in its own version: of PCP, or of another PCP
    return absent_if_unknown(datagram.front() == std::byte{2} ? Method::kNatPmp : Method::kPcp);
  if (answer->opcode == PcpOpcode::kAnnounce) {
    heard_clock(Method::kPcp, answer->epoch, now);
    return heard(Method::kPcp, now);
  }
  auto* const lease = find(answer->map->internal);
  if (lease == nullptr || lease->nonce != answer->map->nonce || lease->method != Method::kPcp)
    return;
  heard_clock(Method::kPcp, answer->epoch, now);
  if (lease->step == Step::kDeleting) return deleted(*lease, now);
  if (lease->step != Step::kAsking) return;  // a second answer
  if (answer->result != kPcpSuccess) return refuse(*lease, pcp_result_text(answer->result), now);
  granted(*lease, answer->map->external, Seconds{answer->lifetime}, now);
}

void Mapper::receive_nat_pmp(Bytes datagram, TimePoint now) {
  const auto answer = decode_nat_pmp_answer(datagram);
  if (!answer) return;
  if (answer->result == kNatPmpUnsupportedVersion) return absent_if_unknown(Method::kPcp);
  if (!answer->map) {
    heard_clock(Method::kNatPmp, answer->epoch, now);
    if (answer->external) external_ = answer->external;
    if (answer->external) heard(Method::kNatPmp, now);
    return;
  }
  auto* const lease = find(answer->map->internal);
  if (lease == nullptr || lease->method != Method::kNatPmp) return;
  if (lease->step != Step::kAsking && lease->step != Step::kDeleting) return;
  heard_clock(Method::kNatPmp, answer->epoch, now);
  if (lease->step == Step::kDeleting) return deleted(*lease, now);
  if (answer->result != 0) return refuse(*lease, nat_pmp_result_text(answer->result), now);
  if (!external_) return;  // its answer got lost; both are asked for again
  granted(*lease, {*external_, answer->map->external}, Seconds{answer->map->lifetime}, now);
}

void Mapper::receive_ssdp(Bytes datagram, TimePoint now) {
  if (!probing_since_ || presence(Method::kUpnp) == Presence::kPresent) return;  // not asked for
  auto url = decode_igd_answer(datagram, network_->gateway);
  if (!url) return;
  igd_url_ = *std::move(url);
  heard(Method::kUpnp, now);
}

std::vector<Mapper::PortReport> Mapper::report() const {
  std::vector<PortReport> out;
  for (const auto& lease : leases_) {
    if (!lease.wanted) continue;
    PortReport one{lease.port, std::nullopt, lease.why};
    if (lease.step != Step::kDeleting) one.mapping = lease.mapping;
    if (one.mapping)
      one.why.clear();
    else if (unneeded_)
      one.why = "this machine's own address is public: no mapping is needed";
    else if (!network_)
      one.why = "there is no gateway that could be asked";
    else if (lease.step == Step::kChoosing || lease.step == Step::kAsking)
      one.why = "the gateway is being asked";
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace culvert::portmap
