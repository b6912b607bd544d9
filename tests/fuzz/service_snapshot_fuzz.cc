// State of the service that somebody has altered: what is read is written down again alike.
#include <cstdlib>

#include "service/snapshot.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  const auto snapshot = culvert::service::decode_service_snapshot(bytes);
  if (!snapshot) return 0;
  const auto again = culvert::service::encode(*snapshot);
  if (!culvert::service::decode_service_snapshot(again)) std::abort();
  return 0;
}
