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

}  // namespace

Plan plan_burst(const Allocation& own, const Allocation& peers, const SocketAddress& peer,
                Random& random) {
  Plan plan;
  if (is_steady(own) && peers.kind == Kind::kSequential) {
    for (int steps = 1; steps <= kWindow; ++steps)
      if (const auto port = after(peers, steps)) plan.from_shared.push_back({peer.ip, port});
  } else if (is_steady(own) && is_small(peers)) {
    plan.from_shared = some_ports(peers, peer.ip, random);
  } else if (is_steady(peers) && own.kind == Kind::kSequential) {
    plan.sockets = kFewSockets;
    plan.each = peer;
  } else if (is_steady(peers) && is_small(own)) {
    plan.sockets = birthday_count(own);
    plan.each = peer;
  } else if (own.kind == Kind::kSequential && peers.kind == Kind::kSequential) {
    const auto port = after(peers, kMiddle);
    if (port == 0) return plan;
    plan.sockets = kManySockets;
    plan.each = {peer.ip, port};
  }
  return plan;
}

std::string why_no_burst(const Allocation& own, const Allocation& peers) {
  if (own.kind == Kind::kUnknown || peers.kind == Kind::kUnknown) return {};
  const auto finds = [](const Allocation& one, const Allocation& other) {
    return is_steady(one) &&
           (is_steady(other) || other.kind == Kind::kSequential || is_small(other));
  };
  const bool planned = finds(own, peers) || finds(peers, own) ||
                       (own.kind == Kind::kSequential && peers.kind == Kind::kSequential);
  if (planned) return {};
  return "the barriers give each destination another port (here: " + describe(own) +
         "; there: " + describe(peers) + "), and to try them all would take too many packets";
}

}  // namespace culvert::punch
