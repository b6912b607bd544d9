// agent/syn_watch.h: the initial sequence numbers of the SYNs that programs send to virtual
// addresses, without which a refusal cannot be forged. Needs CAP_NET_RAW. A packet socket on lo
// whose filter passes SYNs to the pool and nothing else (a raw socket would get a clone of every
// TCP packet before its filter); read when somebody asks, so it costs no wake-up.
#pragma once
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tunnel/base/address.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

struct SeenSyn {
  SocketAddress program, to;
  std::uint32_t sequence = 0;
};

// Non-blocking; hears the SYNs to the pool that arrive on lo of this network namespace.
Result<UniqueFd> open_syn_socket(const IpPrefix& pool);
std::optional<SeenSyn> read_syn(int syn_socket);  // nothing: none is left

class SynWatch {
 public:
  static constexpr std::size_t kMost = 8192;  // remembered; the oldest is overwritten

  static Result<SynWatch> open(const IpPrefix& pool);  // kNotPermitted without the capability
  // Sequence number of the last SYN from `program` to `held`.
  std::optional<std::uint32_t> sequence(const SocketAddress& program, const SocketAddress& held);

 private:
  struct Pair {
    std::uint64_t addresses = 0, ports = 0;
    bool operator==(const Pair&) const = default;
  };
  struct PairHash {
    std::size_t operator()(const Pair& pair) const {
      return (pair.addresses * 0x9e3779b97f4a7c15u) ^ (pair.ports * 0xc2b2ae3d27d4eb4fu);
    }
  };
  static Pair pair_of(const SocketAddress& program, const SocketAddress& held);
  void drain();

  UniqueFd fd_;
  std::unordered_map<Pair, std::uint32_t, PairHash> sequences_;
  std::vector<Pair> ring_;  // the keys of sequences_, from next_ on oldest first
  std::size_t next_ = 0;
};

}  // namespace culvert::agent
