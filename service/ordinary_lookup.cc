#include "service/ordinary_lookup.h"

namespace culvert::service {

Result<void> any_permitted(const Guard& guard, const std::vector<IpAddress>& addresses) {
  // A port that no front door has: which port is wanted is judged when it is connected to.
  constexpr std::uint16_t kSomePort = 1;
  std::optional<Error> denial;
  for (const auto& address : addresses) {
    const auto permitted = guard.check({address, kSomePort});
    if (permitted) return {};
    if (!denial) denial = permitted.error();
  }
  if (denial) return fail(*denial);
  return fail(ErrorCode::kNameUnknown, "the name has no address");
}

void OrdinaryLookup::on_resolved(resolver::DnsRequest&, Result<std::vector<IpAddress>> addresses) {
  control::Found found;
  found.query = query_;
  const auto outcome =
      addresses ? any_permitted(guard_, *addresses) : Result<void>(fail(addresses.error()));
  if (!outcome) {
    found.error = outcome.error().code;
    found.detail = outcome.error().detail;
  }
  listener_.on_lookup_done(*this, found);
}

}  // namespace culvert::service
