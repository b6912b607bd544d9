// service/strangers.h: the places of connections that nobody knows yet, in all and for each source
// (an IPv4 address, or an IPv6 /64: what one person gets), so that one source cannot take all (S6).
// Nor can who has got a whole site, an IPv6 /48: it counts as no more than four sources.
#pragma once
#include <map>
#include <memory>

#include "service/config.h"

namespace culvert::service {

class Strangers {
 public:
  static constexpr std::size_t kSources = 4;  // of a site

  explicit Strangers(const Limits& limits) : limits_(limits) {}  // outlives the places

  class Place {  // destroying it frees it
   public:
    Place(Strangers& owner, const IpAddress& source) : owner_(owner), source_(source) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place();

   private:
    Strangers& owner_;
    IpAddress source_;
  };

  // Null: `full` names the limit that is reached.
  std::unique_ptr<Place> take(const IpAddress& from, const char*& full);

 private:
  const Limits& limits_;
  std::map<IpAddress, std::size_t> count_, of_site_;
  std::size_t all_ = 0;
};

}  // namespace culvert::service
