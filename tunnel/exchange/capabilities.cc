#include "tunnel/exchange/capabilities.h"

#include <array>
#include <charconv>

namespace culvert::exchange {
namespace {

constexpr std::string_view kVersion = "1";

}  // namespace

std::string to_string(const Capabilities& known) {
  std::string out(kVersion);
  for (const auto value :
       {std::uint64_t(known.down), std::uint64_t(known.up), std::uint64_t{known.keep_alive},
        known.largest_body, known.refused_body, static_cast<std::uint64_t>(known.quiet.count())})
    out += " " + std::to_string(value);
  return out;
}

std::optional<Capabilities> parse_capabilities(std::string_view text) {
  if (!text.starts_with("1 ")) return std::nullopt;
  text.remove_prefix(1);
  std::array<std::uint64_t, 6> values{};
  for (auto& value : values) {
    if (!text.starts_with(' ')) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
  constexpr std::uint64_t kLongest = 600'000;  // ten minutes
  if (!text.empty() || values[0] > 2 || values[1] > 2 || values[2] > 1 || values[5] < 1000 ||
      values[5] > kLongest)
    return std::nullopt;
  Capabilities out;
  out.down = static_cast<Streams>(values[0]);
  out.up = static_cast<Streams>(values[1]);
  out.keep_alive = values[2] != 0;
  out.largest_body = values[3];
  out.refused_body = values[4];
  out.quiet = std::chrono::milliseconds{values[5]};
  return out;
}

}  // namespace culvert::exchange
