#include "agent/uplink.h"

#include <algorithm>

#include "agent/state_file.h"
#include "tunnel/base/log.h"

namespace culvert::agent {
namespace {

constexpr std::chrono::seconds kStartPatience{10};  // a first connect may still come
constexpr std::chrono::seconds kLossPatience{3};    // after that, programs are told at once

std::string_view name_of(Uplink::State state) {
  switch (state) {
    case Uplink::State::kResolving: return "resolving";
    case Uplink::State::kRacing: return "connecting";
    case Uplink::State::kUp: return "up";
    case Uplink::State::kWaiting: return "down";
  }
  return "down";
}

}  // namespace

Uplink::Uplink(const OwnEndpoint& self, Options options, Listener& listener)
    : self_(self),
      options_(std::move(options)),
      listener_(listener),
      dns_(self.loop),
      timer_(self.loop, *this),
      lookup_timer_(self.loop, *this) {}

Uplink::~Uplink() = default;

void Uplink::start() {
  down_since_ = self_.loop.now();
  since_ = loop::Loop::wall_clock();
  resolve();
}

void Uplink::stop() {
  stopping_ = true;
  timer_.stop();
  request_.reset();
  attempts_.clear();
  if (link_ != nullptr) link_->close("the agent stops");
}

void Uplink::network_changed() {
  if (link_ != nullptr) link_->suspect();
  if (state_ != State::kWaiting || stopping_) return;
  delay_.reset();
  timer_.start(Duration::zero());
}

void Uplink::enter(State state, std::string why) {
  if (state_ != state) since_ = loop::Loop::wall_clock();
  const bool noteworthy = state == State::kUp || (state == State::kWaiting && why != why_);
  state_ = state;
  why_ = std::move(why);
  if (!noteworthy) return;
  const auto level = state == State::kUp ? log::Level::kInfo : log::Level::kWarning;
  log::write(level, "uplink",
             {{"state", name_of(state)},
              {"service", options_.service.to_string()},
              {"via", up() ? route_->recipe->name : "none"},
              {"why", why_}});
}

void Uplink::resolve() {
  if (const auto address = IpAddress::parse(options_.service.host)) {
    addresses_ = {*address};
    return race();
  }
  enter(State::kResolving, why_);
  request_.emplace(dns_, options_.service.host,
                   static_cast<resolver::DnsRequest::Listener&>(*this));
}

void Uplink::on_resolved(resolver::DnsRequest&, Result<std::vector<IpAddress>> addresses) {
  if (!addresses && !addresses_.empty()) {
    race();  // the name service may be what is broken
  } else if (!addresses) {
    const auto why = "the service's name " + options_.service.host +
                     " does not resolve: " + addresses.error().detail;
    wait_and_retry(why);
  } else {
    addresses_ = std::move(*addresses);
    race();
  }
  request_.reset();  // last: it is the caller
}

void Uplink::race() {
  std::vector<std::string> recipes;
  std::vector<std::vector<SocketAddress>> places;
  for (const auto& recipe : carrier::all_recipes()) {
    if (options_.via != "auto" && options_.via != recipe.name) continue;
    const bool over_tls = !recipe.layers.empty();
    const auto port =
        over_tls && options_.tls_port != 0 ? options_.tls_port : options_.service.port;
    recipes.emplace_back(recipe.name);
    auto& of_recipe = places.emplace_back();
    for (const auto& address : addresses_) of_recipe.push_back({address, port});
  }
  const auto last = remembered();
  auto routes = order_routes(recipes, places, last);
  const bool known = last && !routes.empty() && routes.front() == *last;
  picker_.emplace(std::move(routes), known, self_.loop.now());
  enter(State::kRacing, why_);
  start_attempts();
}

void Uplink::start_attempts() {
  while (const auto next = picker_->next_start(self_.loop.now())) {
    const auto& route = picker_->route(*next);
    attempts_.push_back(std::make_unique<UplinkAttempt>(
        self_, ServiceRoute{carrier::find_recipe(route.recipe), route.to, options_.service.host},
        *next, static_cast<UplinkAttempt::Listener&>(*this)));
  }
  if (const auto deadline = picker_->next_deadline()) timer_.start(*deadline - self_.loop.now());
}

void Uplink::wait_and_retry(const std::string& why) {
  enter(State::kWaiting, why);
  timer_.start(delay_.next(self_.random));
}

void Uplink::on_timer(loop::Timer& timer) {
  if (&timer == &lookup_timer_) {
    lookups_.tick(self_.loop.now());
    return arm_lookup_timer();
  }
  if (state_ == State::kRacing) return start_attempts();
  resolve();
}

void Uplink::publish(std::vector<std::uint16_t> ports) {
  published_ = std::move(ports);
  if (link_ != nullptr && !stopping_) link_->send(control::Publish{published_});
}

void Uplink::expect(std::vector<std::string> callers) {
  if (callers == expected_) return;
  expected_ = std::move(callers);
  if (link_ != nullptr && !stopping_) link_->send(control::Expect{expected_});
}

Duration Uplink::patience() const {
  if (up()) return Lookups::kLimit;
  const Duration down_for = self_.loop.now() - down_since_;
  const Duration whole = was_up_ ? Duration{kLossPatience} : Duration{kStartPatience};
  return std::max(Duration::zero(), whole - down_for);
}

Result<void> Uplink::look_up(control::Lookup::Kind kind, const std::string& name,
                             LookupRequest& request) {
  CULVERT_RETURN_IF_ERROR(lookups_.ask(kind, name, self_.loop.now() + patience(), request));
  send_unsent();
  arm_lookup_timer();
  return {};
}

// Not while a carrier is missing: nobody waits so long for the answer.
void Uplink::send_unsent() {
  if (link_ == nullptr || (link_->up() && !up())) return;
  for (auto& lookup : lookups_.take_unsent()) link_->send(lookup);
}

void Uplink::arm_lookup_timer() {
  if (const auto deadline = lookups_.next_deadline())
    lookup_timer_.start(*deadline - self_.loop.now());
}

std::optional<Route> Uplink::remembered() const {
  const auto text = read_state_file(options_.remembered_file, Privacy::kOrdinary);
  if (!text) return std::nullopt;
  const auto space = text->find(' ');
  if (space == std::string::npos) return std::nullopt;
  const auto end = std::min(text->find('\n'), text->size());
  if (end <= space) return std::nullopt;
  const auto to = SocketAddress::parse(std::string_view(*text).substr(space + 1, end - space - 1));
  if (!to) return std::nullopt;
  return Route{text->substr(0, space), *to};
}

void Uplink::remember(const Route& route) {
  if (remembered() == route) return;
  const auto written =
      write_state_file(options_.remembered_file, route.recipe + " " + route.to.to_string() + "\n");
  if (!written)
    log::warning("uplink", {{"event", "route-not-saved"}, {"why", written.error().detail}});
}

}  // namespace culvert::agent
