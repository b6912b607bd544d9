#include "agent/way_lookup.h"

#include <algorithm>
#include <cerrno>

#include "resolver/nat64.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {
namespace {

// Sends nothing.
bool has_no_route_to(const IpAddress& to) {
  sockaddr_storage address{};
  const auto length = SocketAddress{to, 443}.fill(address);
  const UniqueFd probe(::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return probe && ::connect(probe.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 &&
         errno == ENETUNREACH;
}

}  // namespace

WayLookup::WayLookup(loop::Loop& loop, resolver::DnsClient& dns, const WayOptions& options,
                     Listener& listener)
    : dns_(dns), listener_(listener), timer_(loop, *this) {
  bool translate = false;
  found_.proxies.resize(options.proxies.size());
  const auto start = [&](const HostPort& at, std::vector<IpAddress>& addresses) {
    if (const auto address = IpAddress::parse(at.host)) {
      addresses = {*address};
      ++known_;
      translate |= address->is_v4() && has_no_route_to(*address);
      return;
    }
    ask(at.host, &addresses);
  };
  start(options.service, found_.service);
  for (std::size_t i = 0; i < options.proxies.size(); ++i)
    start(options.proxies[i].first_hop(), found_.proxies[i]);
  if (translate) ask(std::string(resolver::kNat64Question), &translated_);
  if (known_ != 0) timer_.start(waiting_ == 0 ? Duration::zero() : Duration{kPatience});
}

void WayLookup::ask(const std::string& name, std::vector<IpAddress>* addresses) {
  ++waiting_;
  asked_.push_back({std::make_unique<resolver::DnsRequest>(
                        dns_, name, static_cast<resolver::DnsRequest::Listener&>(*this)),
                    addresses});
}

// What is translated comes first: the others have no route.
void WayLookup::translate(std::vector<IpAddress>& addresses) const {
  std::vector<IpAddress> more;
  for (const auto& prefix : resolver::find_nat64_prefixes(translated_))
    for (const auto& address : addresses)
      if (address.is_v4()) more.push_back(prefix.embed(address));
  addresses.insert(addresses.begin(), more.begin(), more.end());
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
  translate(found_.service);
  for (auto& proxy : found_.proxies) translate(proxy);
  listener_.on_ways_looked_up(*this, std::move(found_));
}

}  // namespace culvert::agent
