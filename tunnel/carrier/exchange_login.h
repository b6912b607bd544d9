// tunnel/carrier/exchange_login.h: Basic authentication (RFC 7617) of an HTTP exchange's requests
// at a proxy. Credentials go to a proxy that its owner trusts, once it has asked for them this way.
#pragma once
#include <memory>

#include "tunnel/carrier/proxy.h"
#include "tunnel/exchange/client.h"

namespace culvert::carrier {

// Null: the proxy is trusted with nothing, or there is nothing to tell it.
std::shared_ptr<exchange::Authorizer> make_exchange_login(const Proxy& proxy);

}  // namespace culvert::carrier
