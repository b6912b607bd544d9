#include "tunnel/punch/preamble.h"

#include <algorithm>

namespace culvert::punch {
namespace {

constexpr std::size_t kMagicSize = 4;
using Magic = std::array<std::byte, kMagicSize>;
constexpr Magic magic(char kind) {
  return {std::byte{0xc7}, std::byte{'V'}, static_cast<std::byte>(kind), std::byte{1}};
}
constexpr Magic kSession = magic('T'), kReversed = magic('R'), kTrial = magic('C');

ByteVector make(const Magic& magic, const PreambleSecret& secret) {
  ByteVector out(magic.begin(), magic.end());
  append(out, secret);
  return out;
}

}  // namespace

ByteVector reversed_preamble(const control::OfferToken& token) { return make(kReversed, token); }

ByteVector trial_preamble(const control::TrialSecret& secret) { return make(kTrial, secret); }

FirstOctets recognise(Bytes received) {
  using Kind = FirstOctets::Kind;
  const auto begins_as = [received](const Magic& magic) {
    const auto count = std::min(received.size(), kMagicSize);
    return std::equal(magic.begin(), magic.begin() + static_cast<std::ptrdiff_t>(count),
                      received.begin());
  };
  if (received.size() < kMagicSize) {
    const bool possible = begins_as(kSession) || begins_as(kReversed) || begins_as(kTrial);
    return {possible ? Kind::kUndecided : Kind::kUnknown, {}};
  }
  if (begins_as(kSession)) return {Kind::kSession, {}};
  const bool reversed = begins_as(kReversed);
  if (!reversed && !begins_as(kTrial)) return {Kind::kUnknown, {}};
  if (received.size() < kPreambleSize) return {Kind::kUndecided, {}};
  FirstOctets out{reversed ? Kind::kReversed : Kind::kTrial, {}};
  std::ranges::copy(received.subspan(kMagicSize, out.secret.size()), out.secret.begin());
  return out;
}

}  // namespace culvert::punch
