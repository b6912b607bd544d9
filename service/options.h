// service/options.h: the command line of culvert-service.
#pragma once
#include <optional>
#include <string>

#include "tunnel/base/address.h"
#include "tunnel/base/time.h"

namespace culvert::service {

struct Options {
  enum class Command { kServe, kCheck, kInvite, kEndpoints, kRevoke, kHelp, kVersion };
  Command command = Command::kServe;
  std::string config = "/etc/culvert/service.toml";
  std::string name;                                       // invite, revoke
  std::chrono::seconds expires = std::chrono::hours{24};  // invite
  std::optional<HostPort> address;                        // invite: instead of public_address
  bool keep_for_restart = false;                          // serve
};

Result<Options> parse_options(int argc, const char* const* argv);
std::string help_text();
std::string version_text();

// "90s", "30m", "24h", "7d".
Result<std::chrono::seconds> parse_duration(std::string_view text);

}  // namespace culvert::service
