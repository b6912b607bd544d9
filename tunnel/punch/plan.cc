#include "tunnel/punch/plan.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tunnel/punch/allocation.h"

namespace culvert::punch {
namespace {

using control::Allocation;
using Kind = Allocation::Kind;

// Of a sequence: others' connections may take 47 ports between the look and the burst.
constexpr int kWindow = 64;
constexpr std::size_t kFewSockets = 16;
constexpr std::size_t kManySockets = 64;  // two sequences: 31 ports
constexpr int kMiddle = 33;
constexpr std::size_t kGuesses = 48;  // of a sequence, each of another port of the peer's range
constexpr double kSure = 4.7;         // expected meetings, for 99 of 100
// Of both sides together a burst of so many may be asked for, by whoever sets such a budget.
constexpr double kMostDrawn = 2800;
constexpr unsigned kFirstOrdinary = 1024, kLastPort = 65'535;

bool is_steady(const Allocation& one) { return one.kind == Kind::kSame; }
bool is_by_chance(const Allocation& one) {
  return one.kind == Kind::kRange || one.kind == Kind::kRandom;
}

struct Range {
  unsigned first = 0, last = 0;
  double width() const { return last - first + 1.0; }
};
Range range_of(const Allocation& one) {
  if (one.kind == Kind::kRange) return {one.first, one.last};
  return {kFirstOrdinary, kLastPort};
}

// Who has to find what.
enum class Meeting : std::uint8_t {
  kPlain,            // both are where they say
  kPredict,          // the next ports of the peer's sequence
  kGuess,            // some of the ports that the peer's sockets may have
  kBePredicted,      // our sequence, from a few sockets
  kBeGuessed,        // our ports are by chance, from many sockets
  kInTheMiddle,      // of two sequences
  kGuessInSequence,  // our sequence: one port of the peer's for each
  kDrawForSequence,  // the peer's sequence: our ports by chance for each
  kDrawBoth,         // one port of the peer's for each, and of ours
  kNowhere,
};

// Mappings that it takes on each side that draws; infinite: it must not be tried.
double drawn_by_both(const Allocation& a, const Allocation& b) {
  if (!is_by_chance(a) || !is_by_chance(b) || !a.shared || !b.shared) return INFINITY;
  return std::sqrt(kSure * range_of(a).width() * range_of(b).width());
}
double drawn_for_sequence(const Allocation& sequence, const Allocation& range) {
  if (sequence.kind != Kind::kSequential || !is_by_chance(range) || !range.shared) return INFINITY;
  return kSure * range_of(range).width();
}

Meeting meeting(const Allocation& own, const Allocation& peers) {
  using enum Meeting;
  if (is_steady(own) && is_steady(peers)) return kPlain;
  if (is_steady(own) && peers.kind == Kind::kSequential) return kPredict;
  if (is_steady(own) && is_by_chance(peers)) return kGuess;
  if (is_steady(peers) && own.kind == Kind::kSequential) return kBePredicted;
  if (is_steady(peers) && is_by_chance(own)) return kBeGuessed;
  if (own.kind == Kind::kSequential && peers.kind == Kind::kSequential) return kInTheMiddle;
  if (drawn_for_sequence(own, peers) <= kMostDrawn) return kGuessInSequence;
  if (drawn_for_sequence(peers, own) <= kMostDrawn) return kDrawForSequence;
  if (drawn_by_both(own, peers) <= kMostDrawn) return kDrawBoth;
  return kNowhere;
}

// 0: beyond the ports there are.
std::uint16_t after(const Allocation& sequence, int steps) {
  const int port = sequence.newest + sequence.step * steps;
  return port < 1 || port > 65'535 ? std::uint16_t{0} : static_cast<std::uint16_t>(port);
}

std::vector<std::uint16_t> next_ports(const Allocation& sequence, std::size_t count) {
  std::vector<std::uint16_t> out;
  for (std::size_t steps = 1; steps <= count; ++steps)
    if (const auto port = after(sequence, static_cast<int>(steps))) out.push_back(port);
  return out;
}

std::vector<std::uint16_t> some_ports(const Range& range, std::size_t count, Random& random) {
  std::vector<std::uint16_t> ports;
  for (unsigned port = range.first; port <= range.last; ++port)
    ports.push_back(static_cast<std::uint16_t>(port));
  count = std::min(count, ports.size());
  for (std::size_t i = 0; i < count; ++i) {
    std::array<std::byte, 4> bytes;
    random.fill(bytes);
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    std::swap(ports[i], ports[i + value % (ports.size() - i)]);
  }
  ports.resize(count);
  return ports;
}

// Every socket to every port: a barrier that tells ports apart gives each pair one of its own.
void each_to_each(Plan& plan, std::size_t sockets, const IpAddress& ip,
                  const std::vector<std::uint16_t>& ports) {
  plan.sockets = sockets;
  for (std::size_t socket = 1; socket <= sockets; ++socket)
    for (const auto port : ports) plan.shots.push_back({socket, {ip, port}});
}

// Birthdays of one side's sockets and the other's guesses.
std::size_t birthdays(const Allocation& by_chance, std::size_t budget, Plan& plan) {
  const double width = range_of(by_chance).width();
  const auto needed = static_cast<std::size_t>(std::ceil(std::sqrt(kSure * width)));
  const auto count = std::min(needed, budget);
  plan.by_chance = true;
  plan.probability = 1 - std::exp(-static_cast<double>(count * count) / width);
  return count;
}

std::size_t draws(double needed, std::size_t budget, Plan& plan, double meetings_of_one) {
  const auto count = std::min(static_cast<std::size_t>(std::ceil(needed)), budget);
  plan.by_chance = true;
  plan.probability = 1 - std::exp(-static_cast<double>(count) * meetings_of_one);
  return count;
}

}  // namespace

Plan plan_burst(const Allocation& own, const Allocation& peers, const SocketAddress& peer,
                std::size_t budget, Random& random) {
  Plan plan;
  const auto from_shared = [&](const std::vector<std::uint16_t>& ports) {
    for (const auto port : ports) plan.shots.push_back({0, {peer.ip, port}});
  };
  switch (meeting(own, peers)) {
    case Meeting::kPlain:
    case Meeting::kNowhere: break;
    case Meeting::kPredict: from_shared(next_ports(peers, kWindow)); break;
    case Meeting::kGuess:
      from_shared(some_ports(range_of(peers), birthdays(peers, budget, plan), random));
      break;
    case Meeting::kBePredicted: each_to_each(plan, kFewSockets, peer.ip, {peer.port}); break;
    case Meeting::kBeGuessed:
      each_to_each(plan, birthdays(own, budget, plan), peer.ip, {peer.port});
      break;
    case Meeting::kInTheMiddle:
      if (const auto port = after(peers, kMiddle))
        each_to_each(plan, kManySockets, peer.ip, {port});
      break;
    case Meeting::kGuessInSequence: {
      // One for each socket: of some barriers one socket gets but one port for all of a host's.
      const double needed = drawn_for_sequence(own, peers);
      (void)draws(needed, budget, plan, kSure / needed);
      const auto ports = some_ports(range_of(peers), std::min(kGuesses, budget), random);
      plan.sockets = ports.size();
      for (std::size_t i = 0; i < ports.size(); ++i)
        plan.shots.push_back({i + 1, {peer.ip, ports[i]}});
      break;
    }
    case Meeting::kDrawForSequence: {
      const double needed = drawn_for_sequence(peers, own);
      const auto count = draws(needed, budget, plan, kSure / needed);
      plan.draws_here = true;
      const auto ports = next_ports(peers, std::min(kGuesses, count));
      if (!ports.empty()) each_to_each(plan, count / ports.size(), peer.ip, ports);
      break;
    }
    case Meeting::kDrawBoth: {
      const double needed = drawn_by_both(own, peers);
      const double both = range_of(own).width() * range_of(peers).width();
      const auto most = std::min(static_cast<std::size_t>(std::ceil(needed)), budget);
      const auto count = draws(needed, budget, plan, static_cast<double>(most) / both);
      plan.draws_here = true;
      const auto sockets =
          static_cast<std::size_t>(std::ceil(static_cast<double>(count) / range_of(peers).width()));
      if (sockets > 0)
        each_to_each(plan, sockets, peer.ip, some_ports(range_of(peers), count / sockets, random));
      break;
    }
  }
  return plan;
}

std::string why_no_burst(const Allocation& own, const Allocation& peers) {
  if (own.kind == Kind::kUnknown || peers.kind == Kind::kUnknown) return {};
  if (meeting(own, peers) != Meeting::kNowhere) return {};
  return "the barriers give each destination another port (here: " + describe(own) +
         "; there: " + describe(peers) + "), and to try them all would take too many packets";
}

}  // namespace culvert::punch
