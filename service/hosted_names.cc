#include "service/hosted_names.h"

#include <algorithm>

namespace culvert::service {

namespace {

Result<void> check_name(const std::string& name, const std::string& kind,
                        const HostedConfig& config, std::string_view domain) {
  if (name == domain || !resolver::is_below(name, domain))
    return fail(ErrorCode::kBadInput, "the " + kind + " \"" + name +
                                          "\" is not below the domain; name it for example \"" +
                                          kind + "." + std::string(domain) + "\"");
  if (find_gateway(config.gateways, name, domain) != nullptr)
    return fail(ErrorCode::kBadInput, "the " + kind + " \"" + name +
                                          "\" is a telephone number of a [[gateway]]; give it "
                                          "another name");
  return {};
}

}  // namespace

Result<void> check_hosted(const HostedConfig& config, std::string_view domain) {
  for (const auto& conference : config.conferences) {
    const auto& name = conference.name;
    CULVERT_RETURN_IF_ERROR(check_name(name, "conference", config, domain));
    if (find_conference(config.conferences, name) != &conference)
      return fail(ErrorCode::kBadInput,
                  "there are two conferences \"" + name + "\"; remove one of them");
  }
  for (const auto& media : config.media) {
    CULVERT_RETURN_IF_ERROR(check_name(media.name, "media", config, domain));
    if (find_conference(config.conferences, media.name) != nullptr)
      return fail(ErrorCode::kBadInput, "\"" + media.name +
                                            "\" is a [[conference]] and a [[media]]; give one of "
                                            "them another name");
    if (media.endpoint == media.name || is_hosted(config, media.endpoint, domain))
      return fail(ErrorCode::kBadInput, "media \"" + media.name + "\" calls \"" + media.endpoint +
                                            "\", which is no machine; name an enrolled one");
    if (!resolver::is_below(media.endpoint, domain))
      return fail(ErrorCode::kBadInput, "media \"" + media.name + "\" calls \"" + media.endpoint +
                                            "\", which is not below the domain; name an enrolled "
                                            "machine");
  }
  return {};
}

bool is_hosted(const HostedConfig& config, std::string_view name, std::string_view domain) {
  return find_conference(config.conferences, name) != nullptr ||
         find_gateway(config.gateways, name, domain) != nullptr ||
         std::ranges::find(config.media, name, &MediaConfig::name) != config.media.end();
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
