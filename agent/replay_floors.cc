#include "agent/replay_floors.h"

#include <charconv>
#include <limits>

#include "agent/state_file.h"

namespace culvert::agent {

std::string encode(const std::vector<crypto::ReplayGuard::Floor>& floors) {
  std::string text;
  for (const auto& floor : floors)
    text += floor.key.to_string() + " " + std::to_string(to_unix_nanoseconds(floor.newest)) + "\n";
  return text;
}

Result<std::vector<crypto::ReplayGuard::Floor>> decode_floors(std::string_view text) {
  std::vector<crypto::ReplayGuard::Floor> floors;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto space = line.find(' ');
    const auto key = crypto::PublicKey::parse(line.substr(0, space));
    std::uint64_t time = 0;
    const auto digits = space == line.npos ? std::string_view{} : line.substr(space + 1);
    const auto end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, time);
    if (!key || read.ec != std::errc{} || read.ptr != end ||
        time > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return fail(ErrorCode::kBadInput,
                  "line " + std::to_string(floors.size() + 1) + " is not \"key time\"");
    floors.push_back({*key, from_unix_nanoseconds(time)});
  }
  return floors;
}

Result<void> ReplayFloors::load() {
  const auto text = read_state_file(path_, Privacy::kOrdinary);
  if (!text && text.error().code == ErrorCode::kNameUnknown) return {};
  if (!text) return fail(text.error());
  const auto floors = decode_floors(*text);
  if (!floors)
    return fail(floors.error().code,
                path_ + ": " + floors.error().detail +
                    "; without it recorded handshakes could be replayed: restore it, or enrol "
                    "again (culvert enroll --replace) and remove it");
  for (const auto& floor : *floors) guard_.import_floor(floor);
  return {};
}

Result<void> ReplayFloors::accept(const crypto::PublicKey& caller, std::uint64_t time,
                                  bool must_be_kept) {
  if (time > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return fail(ErrorCode::kAuthentication, "the time stamp is not a time");
  CULVERT_RETURN_IF_ERROR(guard_.accept(caller, from_unix_nanoseconds(time)));
  const auto kept = write_state_file(path_, encode(guard_.export_floors()));
  if (kept || !must_be_kept) return {};
  return fail(kept.error().code,
              "no new session is taken where it cannot be kept from being "
              "repeated: " +
                  kept.error().detail);
}

}  // namespace culvert::agent
