#include "agent/enclosure_network.h"

#include <dlfcn.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "tunnel/base/bytes.h"
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

// One rtnetlink request (rtnetlink(7)) and the kernel's answer to it.
class Request {
 public:
  template <class Body>
  Request(std::uint16_t type, const Body& body) {
    header_.nlmsg_type = type;
    header_.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
    add(&header_, sizeof header_);
    add(&body, sizeof body);
  }
  void attribute(std::uint16_t type, std::uint32_t value) {
    const rtattr head{RTA_LENGTH(sizeof value), type};
    add(&head, sizeof head);
    add(&value, sizeof value);
  }
  int send() {  // 0 or an errno
    header_.nlmsg_len = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &header_, sizeof header_);
    const UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    struct {
      nlmsghdr header;
      nlmsgerr error;
    } answer{};
    if (!fd || ::send(fd.get(), bytes_.data(), bytes_.size(), 0) < 0) return errno;
    if (::recv(fd.get(), &answer, sizeof answer, 0) < 0) return errno;
    return answer.header.nlmsg_type == NLMSG_ERROR ? -answer.error.error : EPROTO;
  }

 private:
  void add(const void* from, std::size_t size) {
    const auto* octets = static_cast<const std::byte*>(from);
    bytes_.insert(bytes_.end(), octets, octets + size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }
  nlmsghdr header_{};
  ByteVector bytes_;
};

Result<void> make_everything_local(const IpAddress& own) {
  const auto lo = if_nametoindex("lo");
  ifaddrmsg address{};
  address.ifa_family = AF_INET;
  address.ifa_prefixlen = 32;
  address.ifa_index = lo;
  Request add_address(RTM_NEWADDR, address);
  add_address.attribute(IFA_LOCAL, htonl(own.v4_value()));
  add_address.attribute(IFA_ADDRESS, htonl(own.v4_value()));
  if (const int error = add_address.send()) return failed("give the namespace an address", error);
  rtmsg route{};
  route.rtm_family = AF_INET;
  route.rtm_table = RT_TABLE_LOCAL;
  route.rtm_protocol = RTPROT_BOOT;
  route.rtm_scope = RT_SCOPE_HOST;
  route.rtm_type = RTN_LOCAL;
  Request add_route(RTM_NEWROUTE, route);
  add_route.attribute(RTA_OIF, lo);
  // Without it the destination would be taken for the source as well.
  add_route.attribute(RTA_PREFSRC, htonl(own.v4_value()));
  if (const int error = add_route.send()) return failed("route everything to loopback", error);
  return {};
}

// libnftables(3), by hand: `culvert run` shall neither need it nor load it for other programs.
Result<void> apply_rules(const std::string& rules) {
  void* library = dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    return fail(ErrorCode::kIo, "the library libnftables is missing: install the package nftables");
  const auto make = reinterpret_cast<void* (*)(std::uint32_t)>(dlsym(library, "nft_ctx_new"));
  const auto quiet = reinterpret_cast<int (*)(void*)>(dlsym(library, "nft_ctx_buffer_error"));
  const auto errors =
      reinterpret_cast<const char* (*)(void*)>(dlsym(library, "nft_ctx_get_error_buffer"));
  const auto run =
      reinterpret_cast<int (*)(void*, const char*)>(dlsym(library, "nft_run_cmd_from_buffer"));
  if (make == nullptr || quiet == nullptr || errors == nullptr || run == nullptr)
    return fail(ErrorCode::kIo, "libnftables is of another kind than 1.0: install Debian 12's");
  void* context = make(0);  // ours until exec()
  quiet(context);
  if (run(context, rules.c_str()) == 0) return {};
  const std::string why = errors(context);
  return fail(ErrorCode::kIo,
              "nftables refuses the rules (the kernel needs nf_tables, nft_socket "
              "and nft_tproxy): " +
                  why.substr(0, why.find('\n')));
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
  return own.v4_value() >> 24 == 127 ? IpAddress::v4(kNobodysAddress) : own;
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
  return apply_rules(enclosure_rules(network));
}

}  // namespace culvert::agent
