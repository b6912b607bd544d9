#include "agent/syn_catcher.h"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "agent/ip_packet.h"
#include "agent/packet_tap.h"
#include "agent/system_wide.h"
#include "tunnel/base/byte_codec.h"
#include "tunnel/loop/local_address.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::agent {
namespace {

constexpr std::size_t kIpHeader = 20, kTcpHeader = 20;
constexpr std::size_t kMostHeaders = 80;
constexpr std::uint8_t kSynRstAckFin = 0x17, kSyn = 0x02;
constexpr int kBacklog = 4096;
constexpr const char* kPurpose = " for system-wide mode";
constexpr const char* kRemedy = "; the agent needs CAP_NET_RAW for it";

tl::unexpected<Error> failed(const char* what) {
  const int error = errno;
  return fail(from_errno(error),
              "cannot " + std::string(what) + kPurpose + ": " + std::strerror(error) + kRemedy);
}

// TCP with kHeldMark that arrives (lo shows every packet twice).
Result<UniqueFd> open_tap() {
  constexpr auto kType = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE);
  constexpr auto kMark = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_MARK);
  sock_filter code[] = {
      statement(BPF_LD | BPF_W | BPF_ABS, kType),
      jump(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 5, 0),
      statement(BPF_LD | BPF_W | BPF_ABS, kMark),
      jump(BPF_JMP | BPF_JEQ | BPF_K, kHeldMark, 0, 3),
      statement(BPF_LD | BPF_B | BPF_ABS, 9),
      jump(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 1),
      statement(BPF_RET | BPF_K, kMostHeaders),
      statement(BPF_RET | BPF_K, 0),
  };
  auto fd = open_packet_tap(code, 4 << 20, TapBuffer::kWithinLimit, kPurpose);
  if (!fd) return fail(fd.error().code, fd.error().detail + kRemedy);
  return fd;
}

Result<UniqueFd> open_entry(const SocketAddress& at) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failed("make a socket");
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (setsockopt(fd.get(), IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on) != 0)
    return failed("make a listener for any address");
  loop::tune_local_leg(fd.get());  // what is accepted inherits it
  sockaddr_storage address{};
  const auto length = at.fill(address);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      listen(fd.get(), kBacklog) != 0)
    return failed(("listen on " + at.to_string()).c_str());
  return fd;
}

Result<UniqueFd> open_raw() {
  UniqueFd fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  if (!fd) return failed("make a raw socket");
  if (setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &kLetInMark, sizeof kLetInMark) != 0)
    return failed("mark packets");
  return fd;
}

}  // namespace

std::optional<CaughtSyn> parse_syn(Bytes packet) {
  if (packet.size() < kIpHeader + kTcpHeader || packet[0] != std::byte{0x45} ||
      packet[9] != std::byte{IPPROTO_TCP})
    return std::nullopt;
  const std::size_t tcp = std::to_integer<std::size_t>(packet[kIpHeader + 12]) >> 4 << 2;
  const auto flags = std::to_integer<std::uint8_t>(packet[kIpHeader + 13]);
  if (tcp < kTcpHeader || packet.size() < kIpHeader + tcp || (flags & kSynRstAckFin) != kSyn)
    return std::nullopt;
  CaughtSyn out;
  out.packet.assign(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(kIpHeader + tcp));
  Reader reader(Bytes{out.packet}.subspan(12));
  out.syn.program.ip = IpAddress::v4(reader.u32());
  out.syn.to.ip = IpAddress::v4(reader.u32());
  out.syn.program.port = reader.u16();
  out.syn.to.port = reader.u16();
  out.syn.sequence = reader.u32();
  store_be(out.packet.data() + 2, static_cast<std::uint16_t>(out.packet.size()));
  store_be(out.packet.data() + kIpHeader + 16, std::uint16_t{0});
  store_be(out.packet.data() + kIpHeader + 16,
           internet_checksum(Bytes{out.packet}.subspan(12),
                             static_cast<std::uint32_t>(IPPROTO_TCP + tcp)));
  return out;
}

Result<void> SynCatcher::start(const SocketAddress& entry) {
  auto listener = open_entry(entry);
  if (!listener) return fail(listener.error());
  auto raw = open_raw();
  if (!raw) return fail(raw.error());
  auto tap = open_tap();
  if (!tap) return fail(tap.error());
  entry_ = std::move(*listener);
  raw_ = std::move(*raw);
  syns_ = std::move(*tap);
  syns_watch_.emplace(loop_, syns_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  entry_watch_.emplace(loop_, entry_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  syns_watch_->start(/*readable=*/true, /*writable=*/false);
  entry_watch_->start(/*readable=*/true, /*writable=*/false);
  return {};
}

bool SynCatcher::let_in(const CaughtSyn& caught) {
  sockaddr_storage to{};
  const auto length = SocketAddress{caught.syn.to.ip, 0}.fill(to);
  return sendto(raw_.get(), caught.packet.data(), caught.packet.size(), MSG_NOSIGNAL,
                reinterpret_cast<sockaddr*>(&to),
                length) == static_cast<ssize_t>(caught.packet.size());
}

void SynCatcher::on_fd_ready(loop::FdWatch& watch, bool, bool) {
  if (&watch == &*syns_watch_)
    read_syns();
  else
    accept_some();
}

void SynCatcher::look_again() {
  if (entry_watch_) entry_watch_->start(/*readable=*/true, /*writable=*/false);
}

void SynCatcher::read_syns() {
  std::array<std::byte, kMostHeaders> buffer;
  for (int i = 0; i < kAtOnce; ++i) {
    const auto size = recv(syns_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0) return;
    if (auto caught = parse_syn(Bytes{buffer}.first(static_cast<std::size_t>(size))))
      listener_.on_syn_caught(std::move(*caught));
  }
}

void SynCatcher::accept_some() {
  for (int i = 0; i < kAtOnce; ++i) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    UniqueFd fd(accept4(entry_.get(), reinterpret_cast<sockaddr*>(&peer), &length,
                        SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd && (errno == EMFILE || errno == ENFILE)) return entry_watch_->stop();
    if (!fd) return;
    const auto own = loop::local_address(fd.get());
    listener_.on_let_in(std::move(fd), SocketAddress::from(reinterpret_cast<sockaddr*>(&peer)),
                        own);
  }
}

}  // namespace culvert::agent
