#include "agent/portal_watch.h"

#include "tunnel/proxies/probe_answer.h"

namespace culvert::agent {
namespace {

constexpr std::uint16_t kWebPort = 80;

}  // namespace

PortalWatch::PortalWatch(loop::Loop& loop, resolver::DnsClient& dns, const HostPort& service,
                         Duration after, Listener& listener)
    : loop_(loop),
      dns_(dns),
      options_{service, "auto", 0, {}},
      listener_(listener),
      timer_(loop, *this) {
  timer_.start(after);
}

void PortalWatch::on_timer(loop::Timer&) {
  probe_.reset();
  lookup_.emplace(loop_, dns_, options_, static_cast<WayLookup::Listener&>(*this));
}

void PortalWatch::on_ways_looked_up(WayLookup&, Result<WayAddresses> addresses) {
  const auto found = addresses ? *std::move(addresses) : WayAddresses{};
  if (found.service.empty()) return look_again();
  probe_ = std::make_unique<proxies::Probe>(
      loop_, SocketAddress{found.service.front(), kWebPort},
      proxies::probe_request({options_.service.host, kWebPort}, /*through_proxy=*/false), kLimit,
      static_cast<proxies::Probe::Listener&>(*this));
}

void PortalWatch::on_heard(proxies::Probe&, Bytes heard, bool last, int) {
  if (!last) return;
  const auto where = proxies::find_portal(heard, options_.service.host);
  done_ = where.empty();
  if (done_ && !where_.empty()) return listener_.on_portal_gone();
  if (done_) return;
  const bool news = where != where_;
  where_ = where;
  look_again();
  if (news) listener_.on_portal(where_);
}

void PortalWatch::look_again() {
  done_ = where_.empty();
  if (done_) return;
  timer_.start(is_certain() && ++rounds_ <= kOften ? Duration{kFirst} : Duration{kMost});
}

}  // namespace culvert::agent
