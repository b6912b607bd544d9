#include "agent/inet_diag.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent/netlink_message.h"

namespace culvert::agent {
namespace {

struct Request {
  nlmsghdr header{};
  inet_diag_req_v2 query{};
};

void put_address(const SocketAddress& from, __be32 (&ip)[4], __be16& port) {
  std::memcpy(ip, from.ip.octets().data(), sizeof ip);
  port = htons(from.port);
}

IpAddress take_address(std::uint8_t family, const __be32 (&ip)[4]) {
  std::array<std::uint8_t, 16> octets;
  std::memcpy(octets.data(), ip, sizeof ip);
  if (family == AF_INET6) return IpAddress::v6(octets).canonical();
  return IpAddress::v4(ntohl(ip[0]));
}

// The kernel adds it for AF_INET6 listeners, asked for or not.
bool is_v6_only(Bytes attributes) {
  while (attributes.size() >= sizeof(nlattr)) {
    nlattr head;
    std::memcpy(&head, attributes.data(), sizeof head);
    if (head.nla_len < NLA_HDRLEN || head.nla_len > attributes.size()) return false;
    if (head.nla_type == INET_DIAG_SKV6ONLY && head.nla_len > NLA_HDRLEN)
      return attributes[NLA_HDRLEN] != std::byte{0};
    attributes =
        attributes.subspan(std::min<std::size_t>(NLA_ALIGN(head.nla_len), attributes.size()));
  }
  return false;
}

DiagSocket to_socket(const inet_diag_msg& message) {
  DiagSocket socket;
  socket.cookie = std::uint64_t{message.id.idiag_cookie[1]} << 32 | message.id.idiag_cookie[0];
  socket.local = {take_address(message.idiag_family, message.id.idiag_src),
                  ntohs(message.id.idiag_sport)};
  socket.remote = {take_address(message.idiag_family, message.id.idiag_dst),
                   ntohs(message.id.idiag_dport)};
  socket.v6 = message.idiag_family == AF_INET6;
  socket.state = message.idiag_state;
  socket.uid = message.idiag_uid;
  socket.inode = message.idiag_inode;
  return socket;
}

// Calls `on_socket` for each socket of one datagram. Returns false at its last message.
template <class OnSocket>
bool read_messages(Bytes datagram, OnSocket on_socket) {
  while (const auto message = take_netlink_message(datagram)) {
    const auto& header = message->header;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) return false;
    const auto socket = message->load<inet_diag_msg>();
    if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || !socket) continue;
    auto found = to_socket(*socket);
    found.v6_only = is_v6_only(message->payload.subspan(sizeof *socket));
    on_socket(found);
    if ((header.nlmsg_flags & NLM_F_MULTI) == 0) return false;
  }
  return true;
}

}  // namespace

InetDiag::InetDiag() : fd_(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)) {}

bool InetDiag::ask(const void* request, std::size_t size) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  return sendto(fd_.get(), request, size, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) ==
         static_cast<ssize_t>(size);
}

template <class Accept>
std::optional<DiagSocket> InetDiag::look_up(int protocol, const SocketAddress& local,
                                            const SocketAddress& remote, std::uint64_t cookie,
                                            Accept accept) {
  Request request;
  request.header = {sizeof request, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, ++sequence_, 0};
  request.query.sdiag_family = local.ip.is_v4() ? AF_INET : AF_INET6;
  request.query.sdiag_protocol = static_cast<std::uint8_t>(protocol);
  request.query.idiag_states = ~0u;
  put_address(local, request.query.id.idiag_src, request.query.id.idiag_sport);
  put_address(remote, request.query.id.idiag_dst, request.query.id.idiag_dport);
  request.query.id.idiag_cookie[0] = static_cast<std::uint32_t>(cookie);
  request.query.id.idiag_cookie[1] = static_cast<std::uint32_t>(cookie >> 32);
  if (!ask(&request, sizeof request)) return std::nullopt;
  std::array<std::byte, 2048> buffer;
  const auto size = recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  std::optional<DiagSocket> found;
  if (size > 0)
    read_messages(Bytes{buffer}.first(static_cast<std::size_t>(size)),
                  [&](const DiagSocket& socket) {
                    if (accept(socket)) found = socket;
                  });
  return found;
}

std::optional<DiagSocket> InetDiag::find(const SocketAddress& local, const SocketAddress& remote,
                                         std::uint64_t cookie) {
  // The look-up falls back to a listener on that port: not what was asked for.
  return look_up(IPPROTO_TCP, local, remote, cookie, [&](const DiagSocket& socket) {
    return socket.cookie == cookie && socket.remote == remote;
  });
}

std::optional<DiagSocket> InetDiag::find_any(Protocol protocol, const SocketAddress& local,
                                             const SocketAddress& remote) {
  constexpr std::uint64_t kAnyCookie = ~std::uint64_t{0};
  // For UDP, source and destination are those of a packet that comes in (net/ipv4/udp_diag.c).
  const bool turned = protocol == Protocol::kUdp;
  return look_up(turned ? IPPROTO_UDP : IPPROTO_TCP, turned ? remote : local,
                 turned ? local : remote, kAnyCookie,
                 [&](const DiagSocket& socket) { return socket.local.port == local.port; });
}

std::optional<DiagSocket> InetDiag::find_listener(Protocol protocol, const SocketAddress& local,
                                                  std::uint64_t cookie) {
  const bool udp = protocol == Protocol::kUdp;
  const SocketAddress nobody{local.ip.is_v4() ? IpAddress::v4(0) : IpAddress::v6({}), 0};
  return look_up(udp ? IPPROTO_UDP : IPPROTO_TCP, udp ? nobody : local, udp ? local : nobody,
                 cookie, [&](const DiagSocket& socket) {
                   return socket.cookie == cookie && (udp || socket.state == TCP_LISTEN);
                 });
}

Result<std::vector<DiagSocket>> InetDiag::listeners(Protocol protocol) {
  std::vector<DiagSocket> all;
  CULVERT_RETURN_IF_ERROR(dump(AF_INET, protocol, all));
  CULVERT_RETURN_IF_ERROR(dump(AF_INET6, protocol, all));
  return all;
}

Result<void> InetDiag::dump(std::uint8_t family, Protocol protocol, std::vector<DiagSocket>& into) {
  const bool tcp = protocol == Protocol::kTcp;
  Request request;
  request.header = {sizeof request, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, ++sequence_,
                    0};
  request.query.sdiag_family = family;
  request.query.sdiag_protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
  request.query.idiag_states = tcp ? 1u << TCP_LISTEN : ~0u;
  const auto failed = [] {
    return fail(ErrorCode::kIo,
                "cannot list listening sockets: " + std::string(std::strerror(errno)));
  };
  if (!ask(&request, sizeof request)) return failed();
  std::array<std::byte, 32'768> buffer;
  for (;;) {
    const auto size = recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size <= 0) return failed();
    if (!read_messages(Bytes{buffer}.first(static_cast<std::size_t>(size)),
                       [&](const DiagSocket& socket) { into.push_back(socket); }))
      return {};
  }
}

}  // namespace culvert::agent
