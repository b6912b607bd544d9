// The agent's part in its name certificate: the service sends a new one before it ends.
#include "agent/agent.h"
#include "tunnel/base/log.h"

namespace culvert::agent {

void Agent::on_certificate(const control::Certificate& fresh) {
  auto renewed = renewed_identity(self_.identity, fresh.certificate, loop::Loop::wall_clock());
  if (!renewed)
    return log::warning("identity", {{"event", "not-renewed"}, {"why", renewed.error().detail}});
  self_.identity = std::move(*renewed);
  uplink_.show_certificate();
  for (const auto& session : peers_.all())
    if (session->link() != nullptr) session->link()->show_certificate(self_.identity.certificate);
  const auto saved = save_identity(config_.state_directory, self_.identity);
  log::info("identity", {{"event", "renewed"}, {"saved", saved ? "yes" : saved.error().detail}});
}

}  // namespace culvert::agent
