#include "agent/system_wide_gate.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "agent/ip_packet.h"
#include "tunnel/base/log.h"

namespace culvert::agent {
namespace {

constexpr std::uint16_t kBeatPort = 9;

}  // namespace

SystemWideGate::SystemWideGate(loop::Loop& loop, ConnectTable& connects, Handler& handler)
    : loop_(loop),
      connects_(connects),
      handler_(handler),
      catcher_(loop, static_cast<SynCatcher::Listener&>(*this)),
      buffer_(kLargest),
      beat_(loop, *this) {}

SystemWideGate::~SystemWideGate() { connects_.set_catcher(nullptr); }

Result<void> SystemWideGate::start(const SystemWide& setting) {
  pool_ = setting.pool;
  entry_ = setting.entry();
  if (!connects_.has_raw_socket())
    return fail(ErrorCode::kNotPermitted,
                "the agent may not make raw sockets: system-wide mode needs CAP_NET_RAW");
  CULVERT_RETURN_IF_ERROR(catcher_.start(entry_));
  raw_.reset(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  datagrams_ = make_transparent_udp();
  if (!raw_ || !datagrams_ || !tell_destinations(datagrams_) || !bind_to(datagrams_, entry_))
    return fail(from_errno(errno),
                "cannot hear datagrams at " + entry_.to_string() + ": " + std::strerror(errno));
  datagrams_watch_.emplace(loop_, datagrams_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  datagrams_watch_->start(/*readable=*/true, /*writable=*/false);
  connects_.set_catcher(&catcher_);
  on_timer(beat_);
  return {};
}

void SystemWideGate::on_syn_caught(CaughtSyn caught) {
  if (paused_) return;
  const auto socket = connects_.new_socket(caught);
  if (!socket) return;
  auto to = caught.syn.to;
  if (!pool_.contains(to.ip)) {
    const auto standing = handler_.pool_address(to.ip);
    if (!standing) return;
    to.ip = *standing;
  }
  const Asker asker{0, socket->uid, /*system_wide=*/true};
  if (auto* pending = connects_.add_caught(asker, socket->cookie, to, std::move(caught)))
    handler_.on_caught_connect(std::make_unique<HeldConnect>(*pending));
}

void SystemWideGate::on_let_in(UniqueFd ours, const SocketAddress& program,
                               const SocketAddress& to) {
  connects_.on_let_in(std::move(ours), program, to);
}

void SystemWideGate::on_fd_ready(loop::FdWatch&, bool, bool) {
  for (int i = 0; i < kAtOnce; ++i) {
    const auto caught = read_caught(datagrams_, buffer_);
    if (!caught) return;
    if (!paused_ && pool_.contains(caught->to.ip) && handler_.on_caught_datagram(caught->to))
      send_again(*caught);
  }
}

// To the socket that is bound to its destination by now.
void SystemWideGate::send_again(const CaughtDatagram& datagram) {
  const auto packet = make_datagram(datagram.from, datagram.to, datagram.content);
  if (packet.empty()) return;
  sockaddr_storage to{};
  const auto length = SocketAddress{datagram.to.ip, 0}.fill(to);
  if (sendto(raw_.get(), packet.data(), packet.size(), MSG_NOSIGNAL,
             reinterpret_cast<sockaddr*>(&to), length) < 0)
    log::debug("system-wide", {{"event", "datagram-lost"}, {"why", std::strerror(errno)}});
}

// The rules swallow it: the error is the sign that they are there, and of no interest.
void SystemWideGate::beat() {
  sockaddr_storage to{};
  const auto length = SocketAddress{entry_.ip, kBeatPort}.fill(to);
  sendto(datagrams_.get(), "", 0, MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&to), length);
}

void SystemWideGate::on_timer(loop::Timer&) {
  beat();
  catcher_.look_again();
  beat_.start(kBeat);
}

}  // namespace culvert::agent
