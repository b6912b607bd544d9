// service/own_addresses.h: the addresses of this machine's interfaces, as they are now.
#pragma once
#include <set>

#include "tunnel/base/address.h"

namespace culvert::service {

std::set<IpAddress> own_addresses();

}  // namespace culvert::service
