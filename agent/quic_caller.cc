#include "agent/quic_caller.h"

#include <algorithm>
#include <cerrno>

#include "tunnel/base/log.h"
#include "tunnel/quic/quic_pipe.h"

namespace culvert::agent {

QuicCaller::QuicCaller(const OwnEndpoint& self, UdpPath& path, DirectCaller& direct,
                       const session::SessionLink& link)
    : self_(self), path_(path), direct_(direct), link_(link), timer_(self.loop, *this) {
  path_.set_user(this);
}

QuicCaller::~QuicCaller() {
  path_.set_user(nullptr);
  if (channel_ != nullptr) channel_->cut(ENETDOWN);
}

std::uint64_t QuicCaller::octets() const {
  return link_.session().octets_sent() + link_.session().octets_received();
}

void QuicCaller::begin() {
  wanted_ = false;
  seen_ = octets();
  pause_ = kTcpHeadStart;
  timer_.start(pause_);
}

void QuicCaller::on_timer(loop::Timer&) {
  if (direct_.direct()) return;  // begin() follows when that is lost
  const auto before = std::exchange(seen_, octets());
  wanted_ = seen_ - before >= kTraffic;
  pause_ = wanted_ ? Duration{kTcpHeadStart} : std::min<Duration>(2 * pause_, kMostPause);
  timer_.start(pause_);
  if (!wanted_) return;
  if (path_.up()) return open();
  path_.want();
}

void QuicCaller::on_udp_path_up(UdpPath&) {
  if (wanted_ && !direct_.direct()) open();
}

void QuicCaller::on_udp_path_down(UdpPath&) {
  if (channel_ != nullptr) channel_->cut(ETIMEDOUT);
}

void QuicCaller::on_udp_packet(UdpPath&, Bytes packet) {
  if (channel_ != nullptr) channel_->receive(packet);
}

void QuicCaller::open() {
  const auto key = path_.key_for("quic path");
  if (channel_ != nullptr || !key) return;  // one is being tried
  quic::Connection::Settings settings;
  settings.key = *key;
  settings.random = &self_.random;
  settings.round_trip = std::max<Duration>(path_.round_trip(), std::chrono::milliseconds{10});
  auto pipe =
      quic::QuicPipe::make(self_.loop, settings, std::make_unique<QuicChannel>(path_, channel_));
  if (!pipe) return log::warning("quic", {{"event", "not-possible"}, {"why", pipe.error().detail}});
  direct_.take_pipe(*std::move(pipe), {"quic", path_.peer().to_string()});
}

}  // namespace culvert::agent
