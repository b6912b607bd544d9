// tunnel/proxies/pac_frames.h: what the PAC worker (agent/pac_main.cc) and its parent say to each
// other over a pair of sockets: type, length (32 bits, big endian), payload. The worker has run a
// stranger's script: the parent believes nothing but that these are octets.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"

namespace culvert::proxies {

inline constexpr std::size_t kMostPacFrame = 16 * 1024;  // payload
inline constexpr std::size_t kPacFrameHeader = 5;

enum class PacFrameType : std::uint8_t {
  // worker to parent
  kRunning = 'S',    // the script is here and the sandbox is shut: the time limit starts
  kResolve = 'R',    // a host name; the worker waits for kAddress
  kReturned = 'A',   // what FindProxyForURL() gave for the next URL asked for
  kThrew = 'E',      // or why it gave nothing, for people
  kLiterals = 'L',   // why the script cannot be used; below, a line for each proxy its text names
  kUnfetched = 'U',  // there is no script; why, for people
  // parent to worker
  kAddress = 'D',  // IPv4 in text, or nothing: the name does not resolve
};

struct PacFrame {
  PacFrameType type{};
  std::string payload;
};

void append_pac_frame(std::string& out, PacFrameType type, std::string_view payload);  // cut off
// Takes one frame off the front; nullopt: not complete yet. kProtocol: not such a frame.
Result<std::optional<PacFrame>> take_pac_frame(std::string& in);

}  // namespace culvert::proxies
