#include "agent/syn_watch.h"

#include <sys/socket.h>

#include <array>

#include "agent/packet_tap.h"
#include "tunnel/base/byte_codec.h"

namespace culvert::agent {
namespace {

constexpr std::size_t kIpHeader = 20;  // of the packets that the filter passes: no options
constexpr std::uint32_t kSyn = 0x02;
constexpr std::uint32_t kSynRstAck = 0x16;

}  // namespace

// IPv4 without options, TCP, to the pool, SYN alone of SYN, RST and ACK.
Result<UniqueFd> open_syn_socket(const IpPrefix& pool) {
  const auto mask = pool.length == 0 ? 0 : ~std::uint32_t{0} << (32 - pool.length);
  sock_filter code[] = {
      statement(BPF_LD | BPF_B | BPF_ABS, 0),
      jump(BPF_JMP | BPF_JEQ | BPF_K, 0x45, 0, 9),
      statement(BPF_LD | BPF_B | BPF_ABS, 9),
      jump(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 7),
      statement(BPF_LD | BPF_W | BPF_ABS, 16),
      statement(BPF_ALU | BPF_AND | BPF_K, mask),
      jump(BPF_JMP | BPF_JEQ | BPF_K, pool.address.v4_value() & mask, 0, 4),
      statement(BPF_LD | BPF_B | BPF_ABS, kIpHeader + 13),
      statement(BPF_ALU | BPF_AND | BPF_K, kSynRstAck),
      jump(BPF_JMP | BPF_JEQ | BPF_K, kSyn, 0, 1),
      statement(BPF_RET | BPF_K, kIpHeader + 20),
      statement(BPF_RET | BPF_K, 0),
  };
  return open_packet_tap(code, 8 << 20, TapBuffer::kForced, " to watch for SYNs");
}

std::optional<SeenSyn> read_syn(int syn_socket) {
  std::array<std::byte, kIpHeader + 20> packet;
  for (;;) {
    const auto size = recv(syn_socket, packet.data(), packet.size(), 0);
    if (size < 0) return std::nullopt;
    if (static_cast<std::size_t>(size) < packet.size()) continue;
    Reader reader(Bytes{packet}.subspan(12));
    SeenSyn syn{{IpAddress::v4(reader.u32()), 0}, {IpAddress::v4(reader.u32()), 0}, 0};
    syn.program.port = reader.u16();
    syn.to.port = reader.u16();
    syn.sequence = reader.u32();
    return syn;
  }
}

Result<SynWatch> SynWatch::open(const IpPrefix& pool) {
  auto fd = open_syn_socket(pool);
  if (!fd) return fail(fd.error());
  SynWatch watch;
  watch.fd_ = std::move(*fd);
  return watch;
}

std::optional<std::uint32_t> SynWatch::sequence(const SocketAddress& program,
                                                const SocketAddress& held) {
  drain();
  const auto found = sequences_.find(pair_of(program, held));
  if (found == sequences_.end()) return std::nullopt;
  return found->second;
}

SynWatch::Pair SynWatch::pair_of(const SocketAddress& program, const SocketAddress& held) {
  return {std::uint64_t{program.ip.v4_value()} << 32 | held.ip.v4_value(),
          std::uint64_t{program.port} << 16 | held.port};
}

void SynWatch::drain() {
  while (const auto syn = read_syn(fd_.get())) {
    const auto pair = pair_of(syn->program, syn->to);
    const auto [at, added] = sequences_.insert_or_assign(pair, syn->sequence);
    if (!added) continue;
    if (ring_.size() < kMost) {
      ring_.push_back(pair);
      continue;
    }
    sequences_.erase(std::exchange(ring_[next_], pair));
    next_ = (next_ + 1) % kMost;
  }
}

}  // namespace culvert::agent
