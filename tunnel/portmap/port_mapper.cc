#include "tunnel/portmap/port_mapper.h"

#include <netinet/in.h>
#include <sys/socket.h>

namespace culvert::portmap {
namespace {

const IpAddress kAllHosts = IpAddress::v4(0xe0000001);  // 224.0.0.1

UniqueFd bound(const SocketAddress& at) {
  auto fd = loop::make_udp_socket(at.ip.is_v4() ? AF_INET : AF_INET6);
  const int on = 1;
  // Every client on this machine takes its announcements from the same port.
  if (at.port != 0) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage address{};
  const auto size = at.fill(address);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) fd.reset();
  return fd;
}

// What is sent to a group leaves where the gateway is.
void send_groups_from(int fd, const IpAddress& own) {
  constexpr int kHops = 2;  // UPnP Device Architecture 1.1, section 1.3.2
  const in_addr from{htonl(own.v4_value())};
  ::setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof from);
  ::setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &kHops, sizeof kHops);
}

}  // namespace

PortMapper::PortMapper(loop::Loop& loop, Random& random, std::string igd_program,
                       Listener& listener)
    : loop_(loop),
      igd_program_(std::move(igd_program)),
      listener_(listener),
      core_(random),
      timer_(loop, *this),
      task_limit_(loop, *this) {}

PortMapper::~PortMapper() = default;

void PortMapper::set_network(const std::optional<Network>& network) {
  const auto before = core_.network();
  core_.set_network(network, loop_.now());
  if (core_.network() != before || !asking_) open_sockets();
  soon();
}

// From the address that the gateway is to map to. Without a socket every question is lost, and the
// gateway counts as one that does not answer.
void PortMapper::open_sockets() {
  asking_.reset();
  announcements_.reset();
  if (!core_.network()) return;
  if (auto fd = bound({core_.network()->own, 0})) {
    if (core_.network()->own.is_v4()) send_groups_from(fd.get(), core_.network()->own);
    asking_.emplace(loop_, std::move(fd), static_cast<loop::UdpSocket::Listener&>(*this));
  }
  if (!core_.network()->own.is_v4()) return;  // a restart of the gateway shows when asked again
  if (auto fd = bound({kAllHosts, kAnnouncementPort}))
    announcements_.emplace(loop_, std::move(fd), static_cast<loop::UdpSocket::Listener&>(*this));
}

void PortMapper::want(const Port& port) {
  core_.want(port, loop_.now());
  soon();
}

void PortMapper::unwant(const Port& port) {
  core_.unwant(port, loop_.now());
  soon();
}

void PortMapper::check() {
  core_.check(loop_.now());
  soon();
}

void PortMapper::stop() {
  core_.stop(loop_.now());
  send_all();
  soon();
}

void PortMapper::leave() {
  core_.stop(loop_.now());
  send_all();
}

void PortMapper::on_received(loop::UdpSocket&, const SocketAddress& from, Bytes data,
                             std::size_t segment) {
  loop::for_each_datagram(data, segment,
                          [&](Bytes datagram) { core_.receive(datagram, from, loop_.now()); });
}

void PortMapper::on_timer(loop::Timer& timer) {
  if (&timer == &task_limit_)
    return end_task(fail(ErrorCode::kTimedOut, "the gateway took too long"));
  // A loop that was busy must not take silence for what waits in the socket.
  if (asking_) asking_->read_now();
  core_.tick(loop_.now());
  send_all();
  start_task();
  if (const auto due = core_.next_deadline())
    timer_.start(std::max(Duration::zero(), *due - loop_.now()));
  else
    timer_.stop();
  if (core_.take_restart()) listener_.on_gateway_restarted();
  if (core_.take_news()) listener_.on_port_mappings_changed();
  if (std::exchange(probing_, core_.probing()) && !probing_) listener_.on_gateway_probed();
}

void PortMapper::send_all() {
  while (const auto datagram = core_.take_datagram()) {
    if (!asking_) continue;
    sockaddr_storage to{};
    const auto size = datagram->to.fill(to);
    if (datagram->to.ip.is_link_local() && !datagram->to.ip.is_v4())
      reinterpret_cast<sockaddr_in6*>(&to)->sin6_scope_id = core_.network()->interface;
    // What the kernel does not take is lost, as on the network, and sent again.
    (void)::sendto(asking_->fd(), datagram->octets.data(), datagram->octets.size(), MSG_NOSIGNAL,
                   reinterpret_cast<sockaddr*>(&to), size);
  }
}

void PortMapper::start_task() {
  if (child_) return;
  const auto task = core_.take_task(loop_.now());
  if (!task) return;
  output_.clear();
  auto words = words_of(*task);
  words.insert(words.begin(), igd_program_);
  const auto started =
      loop::ChildProcess::start(loop_, words, {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"},
                                static_cast<loop::ChildProcess::Listener&>(*this), child_);
  if (!started) return end_task(fail(started.error()));
  task_limit_.start(kTaskLimit);
}

void PortMapper::on_child_output(loop::ChildProcess&, Bytes output) {
  output_ += as_text(output.first(std::min(output.size(), kMostIgdAnswer + 1)));
  if (output_.size() > kMostIgdAnswer)
    end_task(fail(ErrorCode::kProtocol, "its answer makes no sense"));
}

void PortMapper::on_child_ended(loop::ChildProcess&) { end_task(answer_of(output_)); }

void PortMapper::end_task(const Result<IgdAnswer>& answer) {
  child_.reset();
  task_limit_.stop();
  core_.igd_answered(answer, loop_.now());
  soon();
}

}  // namespace culvert::portmap
