#include "service/strangers.h"

#include <algorithm>

namespace culvert::service {
namespace {

IpAddress source_of(const IpAddress& address) {
  const auto meant = address.canonical();
  if (meant.is_v4()) return meant;
  auto octets = meant.octets();
  std::fill(octets.begin() + 8, octets.end(), std::uint8_t{0});
  return IpAddress::v6(octets);
}

}  // namespace

std::unique_ptr<Strangers::Place> Strangers::take(const IpAddress& from, const char*& full) {
  const auto source = source_of(from);
  if (all_ >= limits_.unauthenticated) {
    full = "limits.unauthenticated";
    return nullptr;
  }
  auto& count = count_[source];
  if (count >= limits_.unauthenticated_per_address) {
    full = "limits.unauthenticated_per_address";
    return nullptr;
  }
  ++count;
  ++all_;
  return std::make_unique<Place>(*this, source);
}

Strangers::Place::~Place() {
  --owner_.all_;
  const auto count = owner_.count_.find(source_);
  if (--count->second == 0) owner_.count_.erase(count);
}

}  // namespace culvert::service
