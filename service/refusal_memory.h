// service/refusal_memory.h: which refusals the log has told of lately. An endpoint that was revoked
// asks again and again, each time on every way that it has. Does no I/O and reads no clock.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "tunnel/base/time.h"
#include "tunnel/crypto/keys.h"

namespace culvert::service {

class RefusalMemory {
 public:
  static constexpr std::chrono::minutes kPause{10};  // between two lines about the same
  static constexpr std::size_t kMost = 256;  // kept: beyond, the one that was told longest ago goes

  // Numbers in `why` make no difference. Nothing: it is not to be told now. Else how many were not
  // told since it was last.
  std::optional<std::size_t> tell(const crypto::PublicKey& caller, const std::string& why,
                                  TimePoint now);

 private:
  struct Told {
    TimePoint at;
    std::size_t untold = 0;
  };
  std::map<std::pair<crypto::PublicKey, std::string>, Told> told_;
};

}  // namespace culvert::service
