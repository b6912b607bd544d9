// The agent's part in system-wide mode: takes up what `culvert enable` has written, and treats what
// the rules bring here.
#include <algorithm>

#include "agent/agent.h"
#include "agent/system_wide_force.h"

namespace culvert::agent {

// The file may speak of another agent of this machine: of a user, or of one program.
Result<bool> Agent::take_up_system_wide() {
  auto setting = load_system_wide();
  const bool on = setting && setting->socket == config_.control_socket && !setting->empty();
  if (!on) {
    wide_gate_.reset();
    wide_ = {};
    if (dns_) dns_->admit_everybody(false);
    if (setting || setting.error().code == ErrorCode::kNameUnknown) return false;
    return fail(setting.error());
  }
  if (!wide_gate_) {
    auto gate = std::make_unique<SystemWideGate>(self_.loop, gate_.connects(),
                                                 static_cast<SystemWideGate::Handler&>(*this));
    CULVERT_RETURN_IF_ERROR(gate->start(*setting));
    wide_gate_ = std::move(gate);
  }
  wide_gate_->beat();
  wide_ = std::move(*setting);
  // The kernel does not say any more who asked a question that was led to our name server.
  if (dns_) dns_->admit_everybody(true);
  log::info("system-wide", {{"event", "taken-up"}});
  return true;
}

// What was enabled before the machine was started again, with the addresses of today.
void Agent::renew_system_wide() {
  const auto taken = take_up_system_wide();
  if (!taken) log::error("system-wide", {{"event", "not-taken-up"}, {"why", taken.error().detail}});
  if (!taken || !*taken) return;
  auto setting = wide_;
  setting.forwarding = destinations_.asked_prefixes();
  if (const auto forced = put_in_force(setting); !forced)
    log::info("system-wide",
              {{"event", "rules-not-renewed"},
               {"why", forced.error().detail},
               {"effect", "after a start of the machine run: culvert enable --again"}});
  wide_gate_->beat();
}

Result<bool> Agent::on_system_wide_told() { return take_up_system_wide(); }

bool Agent::on_proxy_told(const Asker& asker, const std::string& url) {
  const auto fresh = user_proxies_.name(asker.uid, url);
  if (!fresh) {
    log::debug("proxies", {{"event", "not-taken"}, {"why", fresh.error().detail}});
    return false;
  }
  if (*fresh) uplink_.take_hints(user_proxies_.hints());
  return true;
}

bool Agent::chosen(uid_t uid) const {
  return wide_.all || !wide_.slices.empty() ||
         std::find(wide_.users.begin(), wide_.users.end(), uid) != wide_.users.end();
}

std::optional<IpAddress> Agent::pool_address(const IpAddress& ordinary) {
  // Its name in the pool is the address as text, which no host name can be.
  const auto address = pool_.address_of(ordinary.to_string(), loop::Loop::wall_clock());
  if (!address) {
    log::warning("connect", {{"to", ordinary.to_string()}, {"why", address.error().detail}});
    return std::nullopt;
  }
  pool_file_.changed();
  return *address;
}

bool Agent::on_caught_datagram(const SocketAddress& to) {
  const auto now = loop::Loop::wall_clock();
  if (stopping_ || pool_.name_of(to.ip, now).empty()) return false;
  pool_.touch(to.ip, now);
  pool_file_.changed();
  const auto bound = datagrams_.open_for(to);
  if (bound && *bound == to) return true;
  log::warning("datagrams",
               {{"event", "refused"},
                {"to", to.to_string()},
                {"why", bound ? "another program has this port" : bound.error().detail}});
  return false;
}

}  // namespace culvert::agent
