// tunnel/exchange/capabilities.h: what one exchange has learned of the middleboxes on its way, as a
// small value to be kept for each network, so that the next one starts where this one ended.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace culvert::exchange {

enum class Streams : std::uint8_t { kUnknown, kYes, kNo };

struct Capabilities {
  Streams down = Streams::kUnknown;       // answers pass before they end
  Streams up = Streams::kUnknown;         // bodies of requests pass before they end
  bool keep_alive = false;                // a connection served a second request
  std::uint64_t largest_body = 0;         // announced Content-Length that was not refused
  std::uint64_t refused_body = 0;         // smallest that was (413); 0: none
  std::chrono::milliseconds quiet{4000};  // silence that a stream survives

  bool operator==(const Capabilities&) const = default;
};

std::string to_string(const Capabilities& capabilities);                // one line, for a file
std::optional<Capabilities> parse_capabilities(std::string_view text);  // nullopt: not such a line

}  // namespace culvert::exchange
