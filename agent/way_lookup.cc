#include "agent/way_lookup.h"

#include <algorithm>

namespace culvert::agent {

WayLookup::WayLookup(loop::Loop& loop, resolver::DnsClient& dns, const WayOptions& options,
                     Listener& listener)
    : listener_(listener), timer_(loop, *this) {
  found_.proxies.resize(options.proxies.size());
  const auto start = [&](const HostPort& at, std::vector<IpAddress>& addresses) {
    if (const auto address = IpAddress::parse(at.host)) {
      addresses = {*address};
      ++known_;
      return;
    }
    ++waiting_;
    asked_.push_back({std::make_unique<resolver::DnsRequest>(
                          dns, at.host, static_cast<resolver::DnsRequest::Listener&>(*this)),
                      &addresses});
  };
  start(options.service, found_.service);
  for (std::size_t i = 0; i < options.proxies.size(); ++i)
    start(options.proxies[i].first_hop(), found_.proxies[i]);
  if (known_ != 0) timer_.start(waiting_ == 0 ? Duration::zero() : Duration{kPatience});
}

void WayLookup::on_resolved(resolver::DnsRequest& request,
                            Result<std::vector<IpAddress>> addresses) {
  const auto asked =
      std::ranges::find_if(asked_, [&](const Asked& one) { return one.request.get() == &request; });
  --waiting_;
  const bool known = addresses.has_value();
  if (known) {
    *asked->addresses = *std::move(addresses);
    ++known_;
  } else {
    failures_ += (failures_.empty() ? "the name " : "; the name ") + request.name() +
                 " does not resolve: " + addresses.error().detail;
  }
  if (waiting_ == 0) return timer_.start(Duration::zero());
  if (known_ == 1 && known) timer_.start(kPatience);
}

void WayLookup::on_timer(loop::Timer&) {
  if (known_ == 0)
    return listener_.on_ways_looked_up(*this, culvert::fail(ErrorCode::kNameUnknown, failures_));
  listener_.on_ways_looked_up(*this, std::move(found_));
}

}  // namespace culvert::agent
