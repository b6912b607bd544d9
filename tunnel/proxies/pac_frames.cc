#include "tunnel/proxies/pac_frames.h"

#include "tunnel/base/byte_codec.h"

namespace culvert::proxies {
namespace {

bool is_known(std::uint8_t type) {
  switch (static_cast<PacFrameType>(type)) {
    case PacFrameType::kRunning:
    case PacFrameType::kResolve:
    case PacFrameType::kReturned:
    case PacFrameType::kThrew:
    case PacFrameType::kLiterals:
    case PacFrameType::kUnfetched:
    case PacFrameType::kAddress: return true;
  }
  return false;
}

}  // namespace

void append_pac_frame(std::string& out, PacFrameType type, std::string_view payload) {
  payload = payload.substr(0, kMostPacFrame);
  std::array<std::byte, kPacFrameHeader> header{static_cast<std::byte>(type)};
  store_be(header.data() + 1, static_cast<std::uint32_t>(payload.size()));
  out += as_text(header);
  out += payload;
}

Result<std::optional<PacFrame>> take_pac_frame(std::string& in) {
  Reader reader(as_bytes(in));
  const auto type = reader.u8();
  const auto size = reader.u32();
  if (!in.empty() && !is_known(static_cast<std::uint8_t>(in.front())))
    return fail(ErrorCode::kProtocol, "the PAC worker sent something unknown");
  if (!reader.ok()) return std::nullopt;
  if (size > kMostPacFrame) return fail(ErrorCode::kProtocol, "the PAC worker sent too much");
  const auto payload = reader.take(size);
  if (!reader.ok()) return std::nullopt;
  PacFrame frame{static_cast<PacFrameType>(type), std::string(as_text(payload))};
  in.erase(0, kPacFrameHeader + size);
  return frame;
}

}  // namespace culvert::proxies
