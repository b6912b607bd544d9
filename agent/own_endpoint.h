// agent/own_endpoint.h: what every part of the agent that speaks for this endpoint borrows.
#pragma once
#include "agent/identity.h"
#include "tunnel/carrier/carrier_dial.h"
#include "tunnel/carrier/proxy_trust.h"
#include "tunnel/control/hello.h"
#include "tunnel/loop/loop.h"

namespace culvert::agent {

struct OwnEndpoint {
  loop::Loop& loop;
  Random& random;
  carrier::TlsClientContext& tls;
  Identity identity;
  Duration grace{};                            // how long a session waits for another carrier
  carrier::ProxyTrust* proxy_trust = nullptr;  // null: without https:// proxies
  carrier::TicketSource* tickets = nullptr;    // null: without Kerberos

  carrier::Means means() const { return {tls, random, identity.service_key, proxy_trust, tickets}; }

  control::Hello hello(control::Purpose purpose) const {
    control::Hello out;
    out.purpose = purpose;
    out.certificate = identity.certificate;
    return out;
  }
};

inline constexpr std::chrono::seconds kDialLimit{10};

}  // namespace culvert::agent
