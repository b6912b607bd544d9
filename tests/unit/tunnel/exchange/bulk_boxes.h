// tests/unit/tunnel/exchange/bulk_boxes.h: middleboxes that bulk has to pass, each 40 ms there and
// back and 50 MB/s.
#pragma once
#include <string>

#include "exchange_world.h"

namespace culvert::exchange {

constexpr std::size_t kBulkRate = 50'000;  // octets in a millisecond

struct BulkCase {
  const char* name;
  Middlebox box;
};
inline const BulkCase kBulkCases[] = {
    {"Streams", {.dials = true, .rate = kBulkRate}},
    {"StoresRequests", {.holds_requests = true, .dials = true, .rate = kBulkRate}},
    {"StoresBoth",
     {.holds_requests = true, .holds_answers = true, .dials = true, .rate = kBulkRate}}};

inline std::string name_of(const testing::TestParamInfo<BulkCase>& one) { return one.param.name; }

}  // namespace culvert::exchange
