// The one file of the service that knows cxxopts.
#include "service/options.h"

#include <array>
#include <charconv>
#include <cxxopts.hpp>

#include "tunnel/base/nearest_word.h"

namespace culvert::service {
namespace {

constexpr std::string_view kVersion = "0.1.0";
using Command = Options::Command;
struct Verb {
  std::string_view word;
  Command command;
  bool takes_name;
};
constexpr std::array kVerbs{Verb{"invite", Command::kInvite, true},
                            Verb{"endpoints", Command::kEndpoints, false},
                            Verb{"revoke", Command::kRevoke, true}};

cxxopts::Options make_parser() {
  cxxopts::Options parser("culvert-service", "The Culvert service: front door, directory, relay.");
  parser.add_options()                                                                        //
      ("config", "configuration file", cxxopts::value<std::string>())                         //
      ("check", "check the configuration and exit")                                           //
      ("keep-for-restart", "leave connections to the next process")                           //
      ("expires", "invite: how long it is good for", cxxopts::value<std::string>())           //
      ("address", "invite: where endpoints find the service", cxxopts::value<std::string>())  //
      ("h,help", "show this help")                                                            //
      ("version", "show the version")                                                         //
      ("words", "", cxxopts::value<std::vector<std::string>>());
  parser.parse_positional("words");
  return parser;
}

tl::unexpected<Error> usage(const std::string& what) {
  return fail(ErrorCode::kBadInput, what + "; see culvert-service --help");
}

Result<void> read_words(const std::vector<std::string>& words, Options& options) {
  if (words.empty()) return {};
  for (const auto& verb : kVerbs) {
    if (verb.word != words[0]) continue;
    const std::size_t wanted = verb.takes_name ? 2 : 1;
    if (words.size() < wanted) return usage("\"" + words[0] + "\" needs the endpoint's NAME");
    if (words.size() > wanted) return usage("\"" + words[wanted] + "\" is one word too many");
    options.command = verb.command;
    if (verb.takes_name) options.name = words[1];
    return {};
  }
  std::array<std::string_view, kVerbs.size()> known;
  for (std::size_t i = 0; i < kVerbs.size(); ++i) known[i] = kVerbs[i].word;
  const auto near = nearest_word(words[0], known);
  return usage("there is no command \"" + words[0] + "\"" +
               (near.empty() ? "" : "; did you mean \"" + std::string(near) + "\"?"));
}

Result<Options> interpret(const cxxopts::ParseResult& parsed) {
  Options options;
  if (parsed.count("config") != 0) options.config = parsed["config"].as<std::string>();
  if (parsed.count("words") != 0)
    CULVERT_RETURN_IF_ERROR(read_words(parsed["words"].as<std::vector<std::string>>(), options));
  if (parsed.count("check") != 0) {
    if (options.command != Command::kServe) return usage("--check goes with no command");
    options.command = Command::kCheck;
  }
  options.keep_for_restart = parsed.count("keep-for-restart") != 0;
  if (options.keep_for_restart && options.command != Command::kServe)
    return usage("--keep-for-restart goes with no command");
  const bool inviting = options.command == Command::kInvite;
  for (const auto* option : {"expires", "address"})
    if (parsed.count(option) != 0 && !inviting)
      return usage("--" + std::string(option) + " goes with \"invite\" only");
  if (parsed.count("expires") != 0) {
    const auto expires = parse_duration(parsed["expires"].as<std::string>());
    if (!expires) return fail(expires.error());
    options.expires = *expires;
  }
  if (parsed.count("address") != 0) {
    const auto address = HostPort::parse(parsed["address"].as<std::string>(), 443);
    if (!address) return usage("--address: " + address.error().detail);
    options.address = *address;
  }
  if (parsed.count("version") != 0) options.command = Command::kVersion;
  if (parsed.count("help") != 0) options.command = Command::kHelp;
  return options;
}

}  // namespace

Result<std::chrono::seconds> parse_duration(std::string_view text) {
  std::uint32_t count = 0;
  const auto* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, count);
  const std::string_view unit(stopped, static_cast<std::size_t>(end - stopped));
  std::int64_t factor = 0;
  if (unit == "s") factor = 1;
  if (unit == "m") factor = 60;
  if (unit == "h") factor = 3600;
  if (unit == "d") factor = 86'400;
  const std::chrono::seconds result{factor * count};
  if (error != std::errc{} || factor == 0 || count == 0 || result > std::chrono::days{365})
    return fail(ErrorCode::kBadInput, "'" + std::string(text) +
                                          "' is no time span; write a number and s, m, h or d, "
                                          "such as 24h, at most 365d");
  return result;
}

Result<Options> parse_options(int argc, const char* const* argv) {
  try {
    auto parser = make_parser();
    return interpret(parser.parse(argc, argv));
  } catch (const cxxopts::exceptions::exception& problem) {
    return usage(problem.what());
  }
}

std::string version_text() { return "culvert-service " + std::string(kVersion) + "\n"; }

std::string help_text() {
  return R"(Usage: culvert-service [--config FILE] [COMMAND]

Lets endpoints behind firewalls reach each other and ordinary hosts. Stays in the
foreground; ends on SIGTERM or SIGINT.

Commands:
  (none)            serve
  invite NAME       print a one-time token; on the endpoint's machine: culvert enroll < token
                    NAME is a name below the domain, "web.home" or "web.home.example.net".
                    To enrol an endpoint again with a new key, invite its name again.
  endpoints         list the enrolled endpoints
  revoke NAME       refuse this endpoint from now on, and end its session if it is online

Options:
  --config FILE     configuration (TOML); default /etc/culvert/service.toml
  --check           check the configuration and exit
  --keep-for-restart
                    on SIGTERM leave all connections to the service manager, for the next
                    process (needs FileDescriptorStoreMax= in the unit file)
  --expires SPAN    invite: how long the token is good for: 30m, 24h, 7d; default 24h
  --address H:PORT  invite: where endpoints find the service; default: public_address of the
                    configuration, else its listening address
  -h, --help        show this help
  --version         show the version

Exit status: 0 success, 1 failure, 2 wrong usage, 78 error in the configuration.
)";
}

}  // namespace culvert::service
