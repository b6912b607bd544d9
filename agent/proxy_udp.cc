#include "agent/proxy_udp.h"

#include "tunnel/base/log.h"

namespace culvert::agent {
namespace {

bool is_refusal(const Error& why) {
  return why.code == ErrorCode::kNotPermitted || why.code == ErrorCode::kProtocol ||
         why.code == ErrorCode::kAuthentication;
}

}  // namespace

ProxyUdp::ProxyUdp(const OwnEndpoint& self, UdpPlace& udp, Listener& listener)
    : self_(self), udp_(udp), listener_(listener), timer_(self.loop, *this) {}

ProxyUdp::~ProxyUdp() = default;

bool ProxyUdp::set_way(const carrier::Way& way) {
  const bool usable =
      way.proxy && way.proxy->kind == carrier::ProxyKind::kSocks5 && way.proxy->before.empty();
  const bool same = usable == proxy_.has_value() &&
                    (!usable || (proxy_->is_same_place(*way.proxy) && at_ == way.first_hop));
  // What has just carried a session is there again.
  if (same && !refused_ && !open_) not_before_ = {};
  if (same) return false;
  const bool lost = open_;
  close();
  proxy_ = usable ? way.proxy : std::nullopt;
  at_ = way.first_hop;
  network_changed();
  tell_waiter();
  if (lost) listener_.on_proxy_udp_lost();
  return true;
}

void ProxyUdp::network_changed() {
  refused_ = false;
  not_before_ = {};
  why_not_.clear();
  patience_.reset();
}

bool ProxyUdp::look(Waiter& waiter) {
  if (!proxy_ || open_) return false;
  if (!association_) {
    if (self_.loop.now() < not_before_) return false;
    refused_ = false;
    log::info("udp", {{"event", "association"}, {"with", proxy_->to_string()}});
    association_.emplace(self_.loop, *proxy_, at_, Duration{kLimit},
                         static_cast<carrier::SocksAssociation::Listener&>(*this));
  }
  waiter_ = &waiter;
  return true;
}

void ProxyUdp::forget(const Waiter& waiter) {
  if (waiter_ == &waiter) waiter_ = nullptr;
}

void ProxyUdp::tell_waiter() {
  if (waiter_ != nullptr) std::exchange(waiter_, nullptr)->on_proxy_udp_looked();
}

void ProxyUdp::on_associated() {
  open_ = used_ = true;
  open_since_ = self_.loop.now();
  why_not_.clear();
  log::info("udp", {{"event", "associated"}, {"with", proxy_->to_string()}});
  timer_.start(kIdle);
  tell_waiter();
}

void ProxyUdp::on_association_ended(const Error& why) {
  const auto now = self_.loop.now();
  const bool lost = open_;
  refused_ = !lost && is_refusal(why);
  why_not_ = why.detail;
  log::info("udp", {{"event", lost ? "association-lost" : "no-association"},
                    {"with", proxy_->to_string()},
                    {"why", why_not_}});
  const Duration pause = refused_ ? Duration{kRefused}
                         : lost   ? patience_.lost(now - open_since_)
                                  : patience_.failed();
  not_before_ = now + pause;
  close();
  tell_waiter();
  if (lost) listener_.on_proxy_udp_lost();
}

void ProxyUdp::give_up(const std::string& why) {
  if (!open_) return;
  why_not_ = why;
  not_before_ = self_.loop.now() + patience_.failed();
  log::info("udp",
            {{"event", "association-given-up"}, {"with", proxy_->to_string()}, {"why", why}});
  close();
}

void ProxyUdp::close() {
  timer_.stop();
  open_ = false;
  association_.reset();
}

std::optional<TimePoint> ProxyUdp::try_at() const {
  if (!proxy_ || refused_) return std::nullopt;
  return not_before_;
}

void ProxyUdp::send(const SocketAddress& to, const std::vector<Bytes>& datagrams) {
  if (!open_) return;
  used_ = true;
  association_->send(to, datagrams);
}

void ProxyUdp::on_relayed(const SocketAddress& from, Bytes datagram) {
  used_ = true;
  if (const auto* const here = socket()) udp_.take(*here, from, datagram);
}

void ProxyUdp::on_relayed_batch_ended() { udp_.batch_ended(); }

void ProxyUdp::on_timer(loop::Timer&) {
  if (!std::exchange(used_, false)) return close();
  timer_.start(kIdle);
}

}  // namespace culvert::agent
