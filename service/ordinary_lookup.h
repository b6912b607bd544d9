// service/ordinary_lookup.h: one question of an endpoint about an ordinary host name: would the
// service forward there? Answers with no address: the endpoint hands out a virtual one.
#pragma once
#include <optional>

#include "resolver/dns_client.h"
#include "service/guard.h"
#include "tunnel/control/messages.h"

namespace culvert::service {

class OrdinaryLookup final : private resolver::DnsRequest::Listener {
 public:
  class Listener {
   public:
    virtual void on_lookup_done(OrdinaryLookup& lookup, const control::Found& found) = 0;

   protected:
    ~Listener() = default;
  };

  // `name` canonical. Answers from the loop, never from here; the listener destroys it.
  OrdinaryLookup(resolver::DnsClient& dns, const Guard& guard, std::uint32_t query,
                 std::string_view name, Listener& listener)
      : guard_(guard),
        query_(query),
        name_(name),
        listener_(listener),
        request_(dns, name, *this) {}
  const std::string& name() const { return name_; }
  std::uint32_t query() const { return query_; }

 private:
  void on_resolved(resolver::DnsRequest& request,
                   Result<std::vector<IpAddress>> addresses) override;

  const Guard& guard_;
  std::uint32_t query_;
  std::string name_;
  Listener& listener_;
  resolver::DnsRequest request_;
};

// Whether any of the addresses may be connected to; else why the first may not.
Result<void> any_permitted(const Guard& guard, const std::vector<IpAddress>& addresses);

}  // namespace culvert::service
