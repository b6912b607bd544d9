// service/public_name.h: the addresses of the service's public_address, where that is a host name:
// behind a translator they are on none of this machine's interfaces. Asked for again at each
// refresh(); what was found last holds while no name server answers.
#pragma once
#include <optional>
#include <vector>

#include "resolver/dns_client.h"

namespace culvert::service {

class PublicName final : private resolver::DnsRequest::Listener {
 public:
  class Listener {
   public:
    virtual void on_public_name_resolved() = 0;  // to other addresses than before

   protected:
    ~Listener() = default;
  };

  PublicName(loop::Loop& loop, const resolver::DnsClient::Options& dns, Listener& listener)
      : listener_(listener), dns_(loop, dns) {}
  void refresh(const std::string& host);  // no address
  const std::vector<IpAddress>& addresses() const { return addresses_; }

 private:
  void on_resolved(resolver::DnsRequest& request, Result<std::vector<IpAddress>> found) override;

  Listener& listener_;
  resolver::DnsClient dns_;
  std::optional<resolver::DnsRequest> request_;
  std::vector<IpAddress> addresses_;
};

}  // namespace culvert::service
