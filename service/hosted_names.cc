#include "service/hosted_names.h"

#include <algorithm>

namespace culvert::service {

Result<void> check_hosted(const std::vector<ConferenceConfig>& conferences,
                          const std::vector<GatewayConfig>& gateways, std::string_view domain) {
  for (const auto& conference : conferences) {
    const auto& name = conference.name;
    if (name == domain || !resolver::is_below(name, domain))
      return fail(ErrorCode::kBadInput, "the conference \"" + name +
                                            "\" is not below the domain; name it for example \"" +
                                            "conference." + std::string(domain) + "\"");
    if (find_gateway(gateways, name, domain) != nullptr)
      return fail(ErrorCode::kBadInput, "the conference \"" + name +
                                            "\" is a telephone number of a [[gateway]]; give it "
                                            "another name");
    if (find_conference(conferences, name) != &conference)
      return fail(ErrorCode::kBadInput,
                  "there are two conferences \"" + name + "\"; remove one of them");
  }
  return {};
}

const ConferenceConfig* find_conference(const std::vector<ConferenceConfig>& conferences,
                                        std::string_view name) {
  const auto found = std::ranges::find(conferences, name, &ConferenceConfig::name);
  return found == conferences.end() ? nullptr : &*found;
}

const GatewayConfig* find_gateway(const std::vector<GatewayConfig>& gateways, std::string_view name,
                                  std::string_view domain) {
  const auto number = number_of(name, domain);
  if (number.empty()) return nullptr;
  const GatewayConfig* best = nullptr;
  for (const auto& gateway : gateways)
    if (gateway.numbers.matches(number) &&
        (best == nullptr || gateway.numbers.leaves_less_open_than(best->numbers)))
      best = &gateway;
  return best;
}

bool admits(const Callers& callers, std::string_view endpoint) {
  return callers.empty() || std::ranges::any_of(callers, [&](const resolver::NamePattern& pattern) {
           return pattern.matches(endpoint);
         });
}

}  // namespace culvert::service
