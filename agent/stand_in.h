// agent/stand_in.h: a listener that a porter (agent/porter.h) keeps on the machine's own network in
// place of one that a program has inside of an enclosure, where the agent cannot dial.
//
// Whoever dials it first sends a call: the token, which the agent was told and nobody else (any
// user of the machine can connect there), and the address that the caller has connected to. One
// octet answers it: the errno of the connect inside, 0 if that is connected; from then on the
// connection is the program's. Does no I/O.
#pragma once
#include <array>
#include <optional>
#include <string>

#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"

namespace culvert::agent {

struct StandIn {
  SocketAddress at;   // on 127.0.0.1
  std::string token;  // kTokenSize characters
  bool operator==(const StandIn&) const = default;
};

inline constexpr std::size_t kTokenSize = 32, kStandInCallSize = kTokenSize + 4;
using StandInCall = std::array<char, kStandInCallSize>;

inline StandInCall make_stand_in_call(const std::string& token, const IpAddress& own) {
  StandInCall call{};
  token.copy(call.data(), kTokenSize);
  for (int i = 0; i < 4; ++i)
    call[kTokenSize + static_cast<std::size_t>(i)] =
        static_cast<char>(own.v4_value() >> (24 - 8 * i));
  return call;
}

// The address; nothing: not with this token.
inline std::optional<IpAddress> read_stand_in_call(const StandInCall& call,
                                                   const std::string& token) {
  unsigned different = token.size() == kTokenSize ? 0 : 1;
  for (std::size_t i = 0; different == 0 && i < kTokenSize; ++i)
    different |= static_cast<unsigned char>(call[i] ^ token[i]);
  if (different != 0) return std::nullopt;
  std::uint32_t own = 0;
  for (std::size_t i = kTokenSize; i < kStandInCallSize; ++i)
    own = own << 8 | static_cast<unsigned char>(call[i]);
  return IpAddress::v4(own);
}

}  // namespace culvert::agent
