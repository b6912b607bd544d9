// Which ways there are, and the race between them; uplink_session.cc has what the winner carries.
#include <algorithm>

#include "agent/state_file.h"
#include "agent/uplink.h"
#include "tunnel/base/log.h"

namespace culvert::agent {
namespace {

// A known way is one attempt, without a question to the network. Otherwise proxies are looked for
// when nothing answered for longer than a direct way takes, or as soon as a way has failed.
constexpr std::chrono::milliseconds kFindAfter{150}, kFindAfterKnown{1000};
constexpr std::chrono::seconds kPortalAfter{2};
constexpr std::chrono::seconds kAtPortal{60};  // portal_watch.h sees when it is gone

std::string key_of(const std::optional<NetworkFacts>& network) {
  return network ? network->key() : std::string("no gateway");
}

// The same network, whether or not the kernel knew the gateway's hardware address by then.
bool is_same(const std::optional<NetworkFacts>& one, const std::optional<NetworkFacts>& other) {
  if (!one || !other) return !one && !other;
  return one->gateway == other->gateway && one->prefix == other->prefix &&
         (one->gateway_hardware == other->gateway_hardware || one->gateway_hardware == "-" ||
          other->gateway_hardware == "-");
}

}  // namespace

std::vector<carrier::Way> Uplink::all_ways() const {
  if (!addresses_) return found_ways_;
  auto ways = plan_ways(options_.ways, *addresses_);
  ways.insert(ways.end(), found_ways_.begin(), found_ways_.end());
  return ways;
}

void Uplink::race() {
  auto network = look_at_network();
  const bool searched_in_vain = finder_ && finder_->done() && found_ways_.empty();
  if (!is_same(network, network_) || searched_in_vain || std::exchange(hints_are_new_, false)) {
    finder_.reset();
    found_lookup_.reset();
    found_.clear();
    found_ways_.clear();
  }
  if (!is_same(network, network_)) small_segments_ = one_at_a_time_ = false;
  network_ = std::move(network);
  auto ways = all_ways();
  const auto key = memory().find(key_of(network_)).value_or("");
  bool known = put_first(ways, key);
  // Where proxies are not looked for, only those that are named now are used.
  if (!known && options_.sources.worth_asking()) {
    if (auto way = way_from_key(key, options_.ways)) {
      ways.insert(ways.begin(), *std::move(way));
      known = true;
    }
  }
  if (ways.empty() && !options_.sources.wanted())
    return wait_and_retry("there is no way to try: nothing that via = \"" + options_.ways.via +
                          "\" needs has an address");
  const bool none = ways.empty();
  if (!one_at_a_time_) watch_for_portal(kPortalAfter);
  picker_.emplace(std::move(ways), known, self_.loop.now());
  if (one_at_a_time_) picker_->begin_one_at_a_time();
  enter(State::kRacing, why_);
  start_attempts();
  if (none)
    start_finding();
  else
    find_timer_.start(known ? kFindAfterKnown : kFindAfter);
}

void Uplink::start_attempts() {
  take_turns();
  for (const auto number : picker_->in_the_way(self_.loop.now()))
    std::erase_if(attempts_, [&](const auto& one) { return one->number() == number; });
  while (const auto next = picker_->next_start(self_.loop.now())) {
    attempts_.push_back(
        std::make_unique<CarrierAttempt>(self_, with_notes(picker_->way(*next)), *next,
                                         static_cast<CarrierAttempt::Listener&>(*this)));
  }
  if (const auto deadline = picker_->next_deadline()) timer_.start(*deadline - self_.loop.now());
}

// What the network lets pass one at a time is not for questions while a way may use it.
void Uplink::take_turns() {
  std::vector<std::size_t> dialling;
  for (const auto& attempt : attempts_)
    if (!attempt->connected()) dialling.push_back(attempt->number());
  for (const auto number : picker_->take_turns(std::move(dialling), self_.loop.now()))
    std::erase_if(attempts_, [&](const auto& one) { return one->number() == number; });
  if (!picker_->one_at_a_time() || std::exchange(one_at_a_time_, true)) return;
  portal_.reset();
  log::info("uplink", {{"event", "one-connection"},
                       {"why", "another one gets no answer: ways are tried one at a time"}});
}

void Uplink::watch_for_portal(Duration after) {
  if (portal_ && !portal_->done()) return;
  portal_.emplace(self_.loop, dns_, options_.ways.service, after,
                  static_cast<PortalWatch::Listener&>(*this));
}

void Uplink::take_hints(std::vector<proxies::Hint> hints) {
  if (!options_.sources.ask_network) return;  // the configuration has named what is to be used
  options_.sources.of_users = std::move(hints);
  hints_are_new_ = true;
  if (state_ != State::kWaiting || stopping_) return;
  delay_.reset();
  timer_.start(Duration::zero());
}

void Uplink::start_finding() {
  find_timer_.stop();
  if (finder_ || stopping_ || !options_.sources.worth_asking()) return;
  if (one_at_a_time_ && !picker_->exhausted()) return;
  finder_.emplace(self_.loop, dns_, self_.random, options_.ways.service, options_.sources, network_,
                  static_cast<ProxyFinder::Listener&>(*this));
}

void Uplink::on_proxies_found(const std::vector<carrier::Proxy>& fresh) {
  for (const auto& proxy : fresh)
    log::info("uplink",
              {{"event", "proxy-found"}, {"proxy", proxy.to_string()}, {"source", proxy.source}});
  found_.insert(found_.end(), fresh.begin(), fresh.end());
  look_up_found();
}

void Uplink::on_proxy_miscalled(const carrier::Proxy& named, proxies::Spoken is) {
  log::warning("uplink", {{"event", "proxy-miscalled"},
                          {"proxy", named.to_string()},
                          {"source", named.source},
                          {"is", to_string(is)}});
  // "Perhaps" is said of what hung up: so have the attempts.
  if (state_ != State::kRacing || is == proxies::Spoken::kSocks) return;
  const Error why{ErrorCode::kProtocol, named.to_string() + " is " + std::string(to_string(is))};
  for (const auto number : picker_->rule_out(named, why, self_.loop.now()))
    std::erase_if(attempts_, [&](const auto& one) { return one->number() == number; });
  start_attempts();
}

void Uplink::look_up_found() {
  if (found_.empty() || found_lookup_) return;
  looking_up_ = std::exchange(found_, {});
  auto options = options_.ways;
  options.proxies = looking_up_;
  options.service.host = "0.0.0.0";  // its own look-up is another one, and may take for ever
  found_lookup_.emplace(self_.loop, dns_, options, static_cast<WayLookup::Listener&>(*this));
}

void Uplink::on_ways_looked_up(WayLookup& lookup, Result<WayAddresses> addresses) {
  if (found_lookup_ && &lookup == &*found_lookup_)
    return found_looked_up(addresses ? *std::move(addresses) : WayAddresses{});
  // If not of now, of before: the name service may be what is broken. Behind a proxy it often knows
  // no names of the outside.
  names_failure_ = addresses ? std::string{} : addresses.error().detail;
  if (addresses) addresses_ = *std::move(addresses);
  recall_addresses();
  if (state_ == State::kResolving) {
    find_timer_.stop();
    if (!addresses_ && options_.sources.wanted()) addresses_.emplace();
    addresses_ ? race() : wait_and_retry(names_failure_);
    return lookup_.reset();  // last: it is the caller
  }
  lookup_.reset();  // it came after go_without_names()
  if (state_ == State::kRacing) {
    for (const auto& way : plan_ways(options_.ways, *addresses_)) picker_->add(way);
    start_attempts();
    give_up_if_exhausted();
  } else if (up() && is_poor(*way_) && better_attempts_.empty() && !better_timer_.running()) {
    better_timer_.start(better_pause_);
  }
}

// The name service is silent. What was known before is raced, and proxies are looked for, which
// need no name of the service; should it answer after all, its ways are added.
void Uplink::go_without_names() {
  recall_addresses();
  if (!addresses_ && !options_.sources.wanted()) return;
  if (!addresses_) addresses_.emplace();
  names_failure_ = "the name server does not answer";
  race();
}

// A name server may be cut off, or lie (a portal's names all others after itself). Where the
// service has proved who it is before, it most likely still is; whoever else is there now cannot.
void Uplink::recall_addresses() {
  if (IpAddress::parse(options_.ways.service.host)) return;
  for (const auto& address : memory().addresses()) {
    if (!addresses_) addresses_.emplace();
    if (std::ranges::find(addresses_->service, address) == addresses_->service.end())
      addresses_->service.push_back(address);
  }
}

void Uplink::found_looked_up(WayAddresses addresses) {
  auto options = options_.ways;
  options.proxies = std::exchange(looking_up_, {});
  addresses.service = addresses_ ? addresses_->service : std::vector<IpAddress>{};
  for (auto& way : plan_ways(options, addresses)) {
    if (!way.proxy) continue;
    found_ways_.push_back(way);
    if (state_ == State::kRacing) picker_->add(std::move(way));
  }
  found_lookup_.reset();
  look_up_found();
  if (state_ != State::kRacing) return;
  start_attempts();
  give_up_if_exhausted();
}

bool Uplink::may_find_more() const {
  return (finder_ && !finder_->done()) || found_lookup_ || !found_.empty() || lookup_;
}

void Uplink::on_finding_done() { give_up_if_exhausted(); }

void Uplink::give_up_if_exhausted() {
  if (state_ != State::kRacing || stopping_ || !picker_->exhausted()) return;
  if (one_at_a_time_) start_finding();
  if (may_find_more()) return;
  auto why = picker_->why();
  if (addresses_->service.empty() && !names_failure_.empty()) why = names_failure_ + "; " + why;
  wait_and_retry(why, picker_->refused_alike() ? Duration{ReconnectDelay::kMostRefused}
                                               : Duration{ReconnectDelay::kMost});
  if (one_at_a_time_) watch_for_portal(Duration::zero());
  if (portal_ && portal_->is_certain()) timer_.start(kAtPortal);
}

std::string Uplink::with_portal(std::string why) const {
  std::string where = portal_ ? portal_->where() : std::string{};
  if (where.empty() && finder_) where = finder_->captive_portal();
  if (where.empty()) return why;
  if (where.starts_with("http"))
    return "this network has a portal: open " + where + " in a browser; " + why;
  return "this network seems to have a portal (" + where +
         " instead of the service): log in there with a browser; " + why;
}

void Uplink::on_portal(const std::string& where) {
  log::warning("uplink", {{"event", "portal"}, {"where", where}});
}

// Whoever has just logged in waits for this, and attempts from before may be silent for long.
void Uplink::on_portal_gone() {
  log::info("uplink", {{"event", "portal-gone"}, {"was", portal_->where()}});
  portal_.reset();
  if (up() || stopping_) return;
  attempts_.clear();
  lookup_.reset();
  delay_.reset();
  resolve();
}

NetworkMemory Uplink::memory() const {
  const auto text = read_state_file(options_.remembered_file, Privacy::kOrdinary);
  return NetworkMemory::from_text(text ? *text : std::string{});
}

// An exchange begins with what was learned on this way in this network.
carrier::Way Uplink::with_notes(carrier::Way way) const {
  way.notes = std::make_shared<carrier::WayNotes>();
  way.small_segments = small_segments_ || small_once_;
  if (way.recipe->lanes == nullptr) return way;
  const auto text = memory().exchange(key_of(network_), way_key(way));
  way.notes->exchange = exchange::parse_capabilities(text).value_or(exchange::Capabilities{});
  return way;
}

void Uplink::remember_exchange() {
  if (way_ && way_->recipe->lanes != nullptr && way_->notes != nullptr &&
      way_->notes->exchange != written_)
    remember(*way_);
}

void Uplink::remember(const carrier::Way& way) {
  if (way.proxy && way.proxy->passing) return;
  auto known = memory();
  if (auto now = look_at_network(); is_same(now, network_)) network_ = std::move(now);
  std::string exchange;
  if (way.recipe->lanes != nullptr && way.notes != nullptr) {
    written_ = way.notes->exchange;
    exchange = to_string(written_);
  }
  if (!known.remember(key_of(network_), way_key(way), exchange)) return;
  if (const auto written = write_state_file(options_.remembered_file, known.to_text()); !written)
    log::warning("uplink", {{"event", "route-not-saved"}, {"why", written.error().detail}});
}

}  // namespace culvert::agent
