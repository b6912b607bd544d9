// tunnel/exchange/lane_login.h: INTERFACE of what tells a proxy, which demands it by 407, who sends
// the requests. What is said may differ from lane to lane: some schemes log a connection in, and
// some count its requests. Does no I/O.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "tunnel/base/result.h"
#include "tunnel/exchange/http_head.h"

namespace culvert::exchange {

using LaneId = std::uint32_t;

class LaneLogin {
 public:
  enum class Next : std::uint8_t { kSameLane, kNewLane };

  // The next request on this lane will be answered by 407, as the scheme wants it: so it has to be
  // one without a body and without a meaning.
  virtual bool knocks(LaneId lane) = 0;
  // The value of Proxy-Authorization for a request; empty: none. A secret.
  virtual std::string authorization(LaneId lane, std::string_view method,
                                    std::string_view target) = 0;
  // A request of this lane was answered with 407; says where the next one goes. kAuthentication:
  // there is nothing more to try.
  virtual Result<Next> challenged(LaneId lane, const ResponseHead& answer) = 0;
  virtual void accepted(LaneId lane) = 0;  // ... with anything else
  virtual void closed(LaneId lane) = 0;
  virtual ~LaneLogin() = default;
};

}  // namespace culvert::exchange
