#include "agent/enclosure_network.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "agent/nft.h"
#include "agent/route_request.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {
namespace {

constexpr std::uint32_t kNobodysAddress = 0xc0000008;  // 192.0.0.8

Result<void> failed(const std::string& what, int error) {
  return fail(from_errno(error), "cannot " + what + ": " + std::strerror(error));
}

Result<void> raise_loopback() {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(&request.ifr_name[0], "lo");
  request.ifr_flags = IFF_UP;
  if (!fd || ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0)
    return failed("raise the loopback interface", errno);
  return {};
}

// Without a source of its own, a route's destination would be taken for the source as well.
int route_to_loopback(const IpPrefix& to, const IpAddress& source) {
  rtmsg route{};
  route.rtm_family = AF_INET;
  route.rtm_dst_len = static_cast<unsigned char>(to.length);
  route.rtm_table = RT_TABLE_LOCAL;
  route.rtm_protocol = RTPROT_BOOT;
  route.rtm_scope = RT_SCOPE_HOST;
  route.rtm_type = RTN_LOCAL;
  RouteRequest request(RTM_NEWROUTE, route);
  if (to.length != 0) request.attribute(RTA_DST, htonl(to.address.v4_value()));
  request.attribute(RTA_OIF, if_nametoindex("lo"));
  request.attribute(RTA_PREFSRC, htonl(source.v4_value()));
  return request.send();
}

Result<void> make_everything_local(const IpAddress& own) {
  ifaddrmsg address{};
  address.ifa_family = AF_INET;
  address.ifa_prefixlen = 32;
  address.ifa_index = if_nametoindex("lo");
  RouteRequest add_address(RTM_NEWADDR, address);
  add_address.attribute(IFA_LOCAL, htonl(own.v4_value()));
  add_address.attribute(IFA_ADDRESS, htonl(own.v4_value()));
  if (const int error = add_address.send()) return failed("give the namespace an address", error);
  if (const int error = route_to_loopback({IpAddress::v4(0), 0}, own))
    return failed("route everything to loopback", error);
  return {};
}

}  // namespace

IpAddress usual_own_address() {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  auto length = SocketAddress{IpAddress::v4(0xc0000201), 9}.fill(address);  // 192.0.2.1
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return IpAddress::v4(kNobodysAddress);
  const auto own = SocketAddress::from(reinterpret_cast<sockaddr*>(&address)).ip;
  return own.is_loopback() ? IpAddress::v4(kNobodysAddress) : own;
}

// A SYN that meets a listener of the namespace itself is let through, one to the pool never: the
// addresses there are other machines', even for a server on 0.0.0.0. For the rest of the world such
// a server does not stand either.
std::string enclosure_rules(const EnclosureNetwork& network) {
  const auto own = "{ 127.0.0.0/8, " + network.own_address.to_string() + " }";
  return "table ip culvert {\n"
         "  chain arriving {\n"
         "    type filter hook prerouting priority mangle; policy accept;\n"
         "    meta mark " +
         std::to_string(kPorterMark) +
         " accept\n"
         "    tcp flags & (syn | ack | rst | fin) == syn jump calls\n"
         "    meta l4proto udp jump datagrams\n"
         "  }\n"
         "  chain calls {\n"
         "    ip daddr " +
         network.pool.to_string() +
         " drop\n"
         "    socket wildcard 0 accept\n"
         "    ip daddr " +
         own +
         " socket wildcard 1 accept\n"
         "    drop\n"
         "  }\n"
         "  chain datagrams {\n"
         "    socket wildcard 0 accept\n"
         "    ip daddr != " +
         network.pool.to_string() + " ip daddr " + own +
         " socket wildcard 1 accept\n"
         "    meta l4proto udp tproxy to " +
         IpAddress::v4(kDatagramAddress).to_string() + ":" + std::to_string(kDatagramPort) +
         " accept\n"
         "  }\n"
         "}\n";
}

Result<void> set_up_enclosure_network(const EnclosureNetwork& network) {
  CULVERT_RETURN_IF_ERROR(raise_loopback());
  CULVERT_RETURN_IF_ERROR(make_everything_local(network.own_address));
  // getsockname() then shows what the far end sees as its caller, and can call back.
  if (network.own_virtual)
    if (const int error = route_to_loopback(network.pool, *network.own_virtual))
      return failed("route the virtual addresses to loopback", error);
  return run_nft(enclosure_rules(network), "nf_tables, nft_socket and nft_tproxy");
}

}  // namespace culvert::agent
