#include "agent/relay_leg.h"

#include "tunnel/base/log.h"

namespace culvert::agent {

RelayLeg::RelayLeg(loop::Loop& loop, RelayDoor& door, Listener& listener)
    : loop_(loop), door_(door), listener_(listener), timer_(loop, *this) {}

RelayLeg::~RelayLeg() { close(); }

void RelayLeg::open(const std::string& token) {
  if (token != token_) {
    close();
    token_ = token;
    not_before_.reset();
  }
  door_.want_udp();
  if (link_ != nullptr || (not_before_ && loop_.now() < *not_before_)) return;
  not_before_ = loop_.now() + Duration{kPause};
  const auto opened = door_.open_relay({control::Target::Kind::kRelay, token, 1}, *this);
  if (!opened) return;
  used_ = true;
  timer_.start(kIdle);
}

int RelayLeg::udp_legs() const {
  if (link_ == nullptr || other_ == control::RelayedBy::kNobody) return 0;
  return (door_.sends_by_udp() ? 1 : 0) + (other_ == control::RelayedBy::kUdp ? 1 : 0);
}

void RelayLeg::send(Bytes packet) {
  used_ = true;
  link_->send_datagram(stream_, packet);
  link_->schedule();
}

void RelayLeg::close() {
  timer_.stop();
  if (link_ != nullptr) std::exchange(link_, nullptr)->refuse(stream_, ErrorCode::kClosed, "");
  other_ = control::RelayedBy::kNobody;
}

void RelayLeg::on_stream_opening(session::SessionLink& link, mux::StreamId stream) {
  link_ = &link;
  stream_ = stream;
}

void RelayLeg::on_opening_failed(const Error&) {}

void RelayLeg::on_stream_readable() {
  auto& streams = link_->streams();
  while (true) {
    const auto news = streams.readable(stream_);
    if (news.empty()) break;
    other_ = control::to_relayed_by(news.back());
    streams.consumed(stream_, news.size());
  }
  link_->schedule();  // credit
}

void RelayLeg::on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) {
  used_ = true;
  listener_.on_relayed(datagrams);
}

void RelayLeg::on_stream_reset(const Error& why) {
  link_ = nullptr;
  close();
  log::info("udp", {{"event", "relay-left"}, {"why", why.detail}});
}

void RelayLeg::on_timer(loop::Timer&) {
  if (!std::exchange(used_, false)) return close();
  timer_.start(kIdle);
}

}  // namespace culvert::agent
