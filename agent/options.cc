#include "agent/options.h"

#include "agent/given_text.h"

namespace culvert::agent {

Result<AgentOptions> parse_options(std::span<char* const> arguments, std::string& help) {
  cxxopts::Options options(
      "culvert-agent",
      "Keeps this endpoint's session to the service and answers programs run by `culvert run`.\n"
      "Stays in the foreground; logs to standard error; ends cleanly on SIGTERM and SIGINT.\n");
  options.custom_help("[OPTION...]");
  options.add_options()("config",
                        "configuration (default: ~/.config/culvert/agent.toml, else "
                        "/etc/culvert/agent.toml, else built-in values)",
                        cxxopts::value<std::string>(), "FILE")(
      "control-socket", "where programs find the agent, instead of the configured place",
      cxxopts::value<std::string>(), "PATH")(
      "until-exit-of", "end when that process does; remove the socket's directory if it is empty",
      cxxopts::value<int>(),
      "PID")("keep-for-restart",
             "on SIGTERM leave all connections to the service manager, for the next process (needs "
             "FileDescriptorStoreMax= in the unit file)")(
      "check", "check configuration and identity, say what is wrong, and end")(
      "h,help", "show this text")("version", "show the version");
  help = options.help();
  try {
    const auto given = options.parse(static_cast<int>(arguments.size()), arguments.data());
    if (!given.unmatched().empty())
      return fail(ErrorCode::kBadInput, "unexpected argument \"" + given.unmatched().front() +
                                            "\"; see culvert-agent --help");
    AgentOptions out;
    out.config = given_text(given, "config");
    out.control_socket = given_text(given, "control-socket");
    if (given.count("until-exit-of") != 0) out.until_exit_of = given["until-exit-of"].as<int>();
    out.keep_for_restart = given.count("keep-for-restart") != 0;
    out.check = given.count("check") != 0;
    out.help = given.count("help") != 0;
    out.version = given.count("version") != 0;
    if (out.until_exit_of < 0)
      return fail(ErrorCode::kBadInput, "--until-exit-of needs the id of a process");
    return out;
  } catch (const cxxopts::exceptions::exception& error) {
    return fail(ErrorCode::kBadInput, std::string(error.what()) + "; see culvert-agent --help");
  }
}

}  // namespace culvert::agent
