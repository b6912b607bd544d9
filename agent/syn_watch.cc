#include "agent/syn_watch.h"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "tunnel/base/byte_codec.h"

namespace culvert::agent {
namespace {

constexpr std::size_t kIpHeader = 20;  // of the packets that the filter passes: no options
constexpr std::uint32_t kSyn = 0x02;
constexpr std::uint32_t kSynRstAck = 0x16;

sock_filter statement(int code, std::uint32_t k) {
  return {static_cast<std::uint16_t>(code), 0, 0, k};
}
sock_filter jump(int code, std::uint32_t k, std::uint8_t yes, std::uint8_t no) {
  return {static_cast<std::uint16_t>(code), yes, no, k};
}

// IPv4 without options, TCP, to the pool, SYN alone of SYN, RST and ACK. Offsets from the IP
// header.
bool attach_filter(int fd, const IpPrefix& pool) {
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
  const sock_fprog program{std::size(code), code};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

}  // namespace

Result<UniqueFd> open_syn_socket(const IpPrefix& pool) {
  const auto failed = [](const char* what) {
    const int error = errno;
    return fail(from_errno(error),
                "cannot " + std::string(what) + " to watch for SYNs: " + std::strerror(error));
  };
  // Protocol 0: hears nothing before the filter is in place and it is bound.
  UniqueFd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failed("make a packet socket");
  if (!attach_filter(fd.get(), pool)) return failed("attach a filter");
  const int buffer = 8 << 20;  // bounded by net.core.rmem_max where CAP_NET_ADMIN is missing
  if (setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0)
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  sockaddr_ll device{};
  device.sll_family = AF_PACKET;
  device.sll_protocol = htons(ETH_P_IP);
  device.sll_ifindex = static_cast<int>(if_nametoindex("lo"));
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&device), sizeof device) != 0)
    return failed("listen on lo");
  return fd;
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
