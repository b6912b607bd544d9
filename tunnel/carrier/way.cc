#include "tunnel/carrier/way.h"

namespace culvert::carrier {

std::string to_string(const Way& way) {
  const std::string name(way.recipe->name);
  if (!way.proxy)
    return name + " to " + way.first_hop.to_string() +
           (way.also_named ? " as " + way.service.host : std::string{});
  const auto address = way.first_hop.ip.to_string();
  const auto at = address == way.proxy->first_hop().host ? std::string{} : " (" + address + ")";
  return name + " through " + way.proxy->to_string() + at + " to " + way.service.to_string();
}

bool is_same_way(const Way& one, const Way& other) {
  if (one.recipe != other.recipe || one.first_hop != other.first_hop) return false;
  if (one.service != other.service || one.proxy.has_value() != other.proxy.has_value())
    return false;
  return !one.proxy || one.proxy->is_same_place(*other.proxy);
}

}  // namespace culvert::carrier
