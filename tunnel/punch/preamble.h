// tunnel/punch/preamble.h: the first octets on a connection to an endpoint's direct port
// (PROTOCOL.md section 7.1), and what they lead to. Sans-IO.
#pragma once
#include <optional>

#include "tunnel/base/bytes.h"
#include "tunnel/control/messages.h"

namespace culvert::punch {

inline constexpr std::size_t kPreambleSize = 20;

using PreambleSecret = std::array<std::byte, 16>;

// An endpoint that was called dials its caller: c7 56 52 01 and the token of the caller's offer.
ByteVector reversed_preamble(const control::OfferToken& token);
// The service tries whether it is let in: c7 56 43 01 and the secret. The endpoint repeats both.
ByteVector trial_preamble(const control::TrialSecret& secret);

struct FirstOctets {
  enum class Kind : std::uint8_t {
    kUndecided,  // more are needed
    kSession,    // a hello follows; nothing of it was taken
    kReversed,
    kTrial,
    kUnknown,  // to be closed without a word
  };
  Kind kind = Kind::kUndecided;
  PreambleSecret secret{};
};
FirstOctets recognise(Bytes received);

}  // namespace culvert::punch
