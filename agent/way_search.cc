#include "agent/way_search.h"

#include <algorithm>
#include <utility>

namespace culvert::agent {

WaySearch::WaySearch(loop::Loop& loop, Random& random, WayOptions options, ProxySources sources,
                     Listener& listener)
    : loop_(loop),
      random_(random),
      options_(std::move(options)),
      sources_(std::move(sources)),
      listener_(listener),
      dns_(loop),
      timer_(loop, *this) {
  lookup_.emplace(loop_, dns_, options_, static_cast<WayLookup::Listener&>(*this));
  if (sources_.worth_asking()) timer_.start(kFindAfter);
}

void WaySearch::hurry() {
  timer_.stop();
  if (finder_) return finder_->way_failed();
  if (!sources_.worth_asking()) return;
  finder_.emplace(loop_, dns_, random_, options_.service, sources_, look_at_network(),
                  static_cast<ProxyFinder::Listener&>(*this));
}

bool WaySearch::ended() const {
  return addresses_ && !proxy_lookup_ && found_.empty() &&
         (finder_ ? finder_->done() : !sources_.worth_asking());
}

void WaySearch::on_ways_looked_up(WayLookup& lookup, Result<WayAddresses> addresses) {
  const bool failed = !addresses;
  const bool of_proxies = proxy_lookup_ && &lookup == &*proxy_lookup_;
  if (failed && !of_proxies) name_failure_ = addresses.error().detail;
  auto known = failed ? WayAddresses{} : *std::move(addresses);
  if (of_proxies) {
    auto options = options_;
    options.proxies = std::exchange(looking_up_, {});
    known.service = addresses_ ? addresses_->service : std::vector<IpAddress>{};
    proxy_lookup_.reset();
    look_proxies_up();
    plan(options, known, /*proxies_alone=*/true);
  } else {
    addresses_ = std::move(known);
    lookup_.reset();
    if (failed) hurry();  // behind a proxy nobody knows names of the outside
    plan(options_, *addresses_, /*proxies_alone=*/false);
  }
  maybe_ended();
}

void WaySearch::plan(const WayOptions& options, const WayAddresses& addresses, bool proxies_alone) {
  auto ways = plan_ways(options, addresses);
  if (proxies_alone) std::erase_if(ways, [](const carrier::Way& way) { return !way.proxy; });
  listener_.on_ways_found(std::move(ways));
}

void WaySearch::on_proxies_found(const std::vector<carrier::Proxy>& fresh) {
  found_.insert(found_.end(), fresh.begin(), fresh.end());
  look_proxies_up();
}

void WaySearch::look_proxies_up() {
  if (found_.empty() || proxy_lookup_) return;
  looking_up_ = std::exchange(found_, {});
  auto options = options_;
  options.proxies = looking_up_;
  options.service.host = "0.0.0.0";  // its own look-up is another one, and may take for ever
  proxy_lookup_.emplace(loop_, dns_, options, static_cast<WayLookup::Listener&>(*this));
}

void WaySearch::maybe_ended() {
  if (ended() && !std::exchange(told_end_, true)) listener_.on_search_ended();
}

}  // namespace culvert::agent
