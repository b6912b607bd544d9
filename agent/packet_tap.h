// agent/packet_tap.h: a packet socket on lo that hears what its filter passes and nothing else.
// Knows no protocol: whoever opens one brings the filter (classic BPF, offsets from the IP header).
#pragma once
#include <linux/filter.h>

#include <span>
#include <string>

#include "tunnel/base/result.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

inline sock_filter statement(int code, std::uint32_t k) {
  return {static_cast<std::uint16_t>(code), 0, 0, k};
}
inline sock_filter jump(int code, std::uint32_t k, std::uint8_t yes, std::uint8_t no) {
  return {static_cast<std::uint16_t>(code), yes, no, k};
}

enum class TapBuffer { kWithinLimit, kForced };  // net.core.rmem_max; kForced needs CAP_NET_ADMIN

// Non-blocking, of this network namespace; IPv4. `buffer` in octets; where it may not be forced it
// is what the limit allows. Errors: "cannot listen on lo" + `purpose` + the reason, kNotPermitted
// without CAP_NET_RAW.
Result<UniqueFd> open_packet_tap(std::span<sock_filter> filter, int buffer, TapBuffer kind,
                                 const std::string& purpose);

}  // namespace culvert::agent
