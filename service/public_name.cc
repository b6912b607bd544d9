#include "service/public_name.h"

#include <algorithm>

namespace culvert::service {

void PublicName::refresh(const std::string& host) {
  if (!request_) request_.emplace(dns_, host, static_cast<resolver::DnsRequest::Listener&>(*this));
}

void PublicName::on_resolved(resolver::DnsRequest&, Result<std::vector<IpAddress>> found) {
  request_.reset();
  if (!found) return;
  for (auto& address : *found) address = address.canonical();
  std::sort(found->begin(), found->end());  // servers turn the order round
  if (*found == addresses_) return;
  addresses_ = std::move(*found);
  listener_.on_public_name_resolved();
}

}  // namespace culvert::service
