#include "tunnel/control/invitation.h"

#include <sodium.h>

#include "tunnel/base/byte_codec.h"
#include "tunnel/base/text.h"

namespace culvert::control {
namespace {

constexpr std::string_view kPrefix = "culvert1-";
constexpr std::size_t kChecksum = 4;

std::array<std::byte, kChecksum> checksum(Bytes body) {
  std::array<std::byte, kChecksum> sum;
  std::array<unsigned char, crypto_generichash_BYTES> hash;
  crypto_generichash(hash.data(), hash.size(), as_u8(body), body.size(), nullptr, 0);
  std::memcpy(sum.data(), hash.data(), sum.size());
  return sum;
}

tl::unexpected<Error> bad(std::string why) { return fail(ErrorCode::kBadInput, std::move(why)); }

}  // namespace

std::string encode(const Invitation& invitation) {
  ByteVector body;
  Writer out(body);
  out.bytes(invitation.service_key);
  out.bytes(invitation.secret);
  out.text16(invitation.service);
  out.text16(invitation.name);
  if (!invitation.domain.empty()) out.text16(invitation.domain);
  append(body, checksum(body));
  return std::string(kPrefix) + to_base64url(body);
}

Result<Invitation> decode_invitation(std::string_view given) {
  std::string text(given);
  std::erase_if(text, [](char one) {
    return std::string_view(" \t\r\n").find(one) != std::string_view::npos;
  });
  if (text.empty())
    return bad("no invitation was given: paste the line that starts with culvert1-");
  if (text.substr(0, 7) == "culvert" && text.substr(0, kPrefix.size()) != kPrefix)
    return bad(
        "this invitation was made by another version of Culvert; ask for one that starts "
        "with culvert1-");
  if (text.substr(0, kPrefix.size()) != kPrefix)
    return bad(
        "this is not an invitation: one starts with culvert1- (made by culvert-service "
        "invite NAME)");
  const auto raw = from_base64url(std::string_view(text).substr(kPrefix.size()));
  if (raw.size() < kChecksum) return bad("the invitation is cut off: copy the whole line");
  const auto body = Bytes{raw}.first(raw.size() - kChecksum);
  const auto sum = checksum(body);
  if (!std::equal(sum.begin(), sum.end(), raw.end() - kChecksum))
    return bad("the invitation is damaged or cut off: copy the whole line");
  Reader in(body);
  Invitation invitation;
  invitation.service_key = in.array<32>();
  invitation.secret = in.array<16>();
  invitation.service = in.text16();
  invitation.name = in.text16();
  if (in.ok() && !in.done()) invitation.domain = in.text16();
  if (!in.done()) return bad("the invitation is malformed: ask for a new one");
  return invitation;
}

}  // namespace culvert::control
