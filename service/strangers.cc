#include "service/strangers.h"

namespace culvert::service {
namespace {

IpAddress site_of(const IpAddress& address) { return address.v6_network(6); }

template <class Counts>
void give_back(Counts& counts, const IpAddress& whose) {
  const auto count = counts.find(whose);
  if (--count->second == 0) counts.erase(count);
}

}  // namespace

std::unique_ptr<Strangers::Place> Strangers::take(const IpAddress& from, const char*& full) {
  const auto source = source_of(from);
  if (all_ >= limits_.unauthenticated) {
    full = "limits.unauthenticated";
    return nullptr;
  }
  const auto of = [](const auto& counts, const IpAddress& whose) {
    const auto found = counts.find(whose);
    return found == counts.end() ? std::size_t{0} : found->second;
  };
  const auto most = limits_.unauthenticated_per_address;
  if (of(count_, source) >= most || of(of_site_, site_of(source)) >= kSources * most) {
    full = "limits.unauthenticated_per_address";
    return nullptr;
  }
  ++count_[source];
  ++of_site_[site_of(source)];
  ++all_;
  return std::make_unique<Place>(*this, source);
}

Strangers::Place::~Place() {
  --owner_.all_;
  give_back(owner_.count_, source_);
  give_back(owner_.of_site_, site_of(source_));
}

}  // namespace culvert::service
