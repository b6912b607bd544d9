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
constexpr double kBirthdays = 4.7;  // n * n / range, for 99 of 100

bool is_steady(const Allocation& one) { return one.kind == Kind::kSame; }

std::size_t birthday_count(const Allocation& range) {
  const double width = range.last - range.first + 1.0;
  return static_cast<std::size_t>(std::ceil(std::sqrt(kBirthdays * width)));
}

bool is_small(const Allocation& one) {
  return one.kind == Kind::kRange && birthday_count(one) <= kMostMappings;
}

// 0: beyond the ports there are.
std::uint16_t after(const Allocation& sequence, int steps) {
  const int port = sequence.newest + sequence.step * steps;
  return port < 1 || port > 65'535 ? std::uint16_t{0} : static_cast<std::uint16_t>(port);
}

std::vector<SocketAddress> some_ports(const Allocation& range, const IpAddress& ip,
                                      Random& random) {
  std::vector<std::uint16_t> ports;
  for (unsigned port = range.first; port <= range.last; ++port)
    ports.push_back(static_cast<std::uint16_t>(port));
  const auto count = std::min(birthday_count(range), ports.size());
  std::vector<SocketAddress> out;
  for (std::size_t i = 0; i < count; ++i) {
    std::array<std::byte, 4> bytes;
    random.fill(bytes);
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    std::swap(ports[i], ports[i + value % (ports.size() - i)]);
    out.push_back({ip, ports[i]});
  }
  return out;
}

// Who has to find what.
enum class Meeting : std::uint8_t {
  kPlain,        // both are where they say
  kPredict,      // the next ports of the peer's sequence
  kGuess,        // ports out of the peer's small range
  kBePredicted,  // our sequence, from a few sockets
  kBeGuessed,    // our small range, from many
  kInTheMiddle,  // of two sequences
  kNowhere,
};

Meeting meeting(const Allocation& own, const Allocation& peers) {
  using enum Meeting;
  if (is_steady(own) && is_steady(peers)) return kPlain;
  if (is_steady(own) && peers.kind == Kind::kSequential) return kPredict;
  if (is_steady(own) && is_small(peers)) return kGuess;
  if (is_steady(peers) && own.kind == Kind::kSequential) return kBePredicted;
  if (is_steady(peers) && is_small(own)) return kBeGuessed;
  if (own.kind == Kind::kSequential && peers.kind == Kind::kSequential) return kInTheMiddle;
  return kNowhere;
}

}  // namespace

Plan plan_burst(const Allocation& own, const Allocation& peers, const SocketAddress& peer,
                Random& random) {
  Plan plan;
  switch (meeting(own, peers)) {
    case Meeting::kPlain:
    case Meeting::kNowhere: break;
    case Meeting::kPredict:
      for (int steps = 1; steps <= kWindow; ++steps)
        if (const auto port = after(peers, steps)) plan.from_shared.push_back({peer.ip, port});
      break;
    case Meeting::kGuess: plan.from_shared = some_ports(peers, peer.ip, random); break;
    case Meeting::kBePredicted:
      plan.sockets = kFewSockets;
      plan.each = peer;
      break;
    case Meeting::kBeGuessed:
      plan.sockets = birthday_count(own);
      plan.each = peer;
      break;
    case Meeting::kInTheMiddle:
      if (const auto port = after(peers, kMiddle)) {
        plan.sockets = kManySockets;
        plan.each = {peer.ip, port};
      }
      break;
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
