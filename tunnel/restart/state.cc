#include "tunnel/restart/state.h"

namespace culvert::restart {
namespace {

constexpr std::uint32_t kMagic = 0x43565253;

}  // namespace

void begin_state(Writer& out, Daemon daemon) {
  out.u32(kMagic);
  out.u16(kVersion);
  out.u8(static_cast<std::uint8_t>(daemon));
  out.u8(0);
}

Result<void> check_head(Reader& in, Daemon daemon) {
  const auto magic = in.u32();
  const auto version = in.u16();
  const auto of = in.u8();
  in.u8();
  if (!in.ok() || magic != kMagic || of != static_cast<std::uint8_t>(daemon))
    return fail(ErrorCode::kBadInput,
                "the state left by an earlier process is not of this program");
  if (version != kVersion)
    return fail(ErrorCode::kBadInput, "the state was left by another version (" +
                                          std::to_string(version) + ", not " +
                                          std::to_string(kVersion) + ")");
  return {};
}

}  // namespace culvert::restart
