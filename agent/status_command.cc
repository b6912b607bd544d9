#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <cxxopts.hpp>

#include "agent/agent_client.h"
#include "agent/commands.h"
#include "agent/given_text.h"
#include "agent/status.h"

namespace culvert::agent {
namespace {

constexpr std::chrono::seconds kAnswerWithin{5};

struct Options {
  std::string agent;
  bool json = false, help = false;
};

Result<Options> parse(std::span<char* const> arguments, std::string& help) {
  cxxopts::Options options("culvert status",
                           "Shows the agent's session to the service, its peers and ports.\n");
  options.custom_help("[OPTION...]");
  options.add_options()("agent",
                        "the agent's control socket (default: $CULVERT_AGENT, "
                        "$XDG_RUNTIME_DIR/culvert/agent.sock, /run/culvert/agent.sock)",
                        cxxopts::value<std::string>(), "SOCKET")(
      "json", "print JSON (\"schema\": 1) instead of a table")("h,help", "show this text");
  help = options.help();
  std::vector<const char*> words{"culvert status"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  try {
    const auto given = options.parse(static_cast<int>(words.size()), words.data());
    if (!given.unmatched().empty())
      return fail(ErrorCode::kBadInput, "unexpected argument \"" + given.unmatched().front() +
                                            "\"; see culvert status --help");
    return Options{given_text(given, "agent"), given.count("json") != 0, given.count("help") != 0};
  } catch (const cxxopts::exceptions::exception& error) {
    return fail(ErrorCode::kBadInput, std::string(error.what()) + "; see culvert status --help");
  }
}

Result<std::string> find_status(const std::string& given) {
  Result<std::string> answer = fail(ErrorCode::kIo, "no agent is running");
  for (const auto& socket : agent_sockets(given)) {
    answer = ask_status(socket, kAnswerWithin);
    if (answer) return answer;
  }
  return answer;
}

Result<std::string> run(const Options& options) {
  auto json = find_status(options.agent);
  if (!json || options.json) return json;
  if (json->empty())
    return fail(ErrorCode::kNotPermitted,
                "the agent did not answer: its configuration does not "
                "let this user ([access] users)");
  const auto report = status_from_json(*json);
  if (!report) return fail(report.error());
  const bool colour = ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
  return to_table(*report, std::time(nullptr), colour);
}

}  // namespace

int status_command(std::span<char* const> arguments) {
  std::string help;
  const auto options = parse(arguments, help);
  if (!options) {
    std::fprintf(stderr, "culvert status: %s\n", options.error().detail.c_str());
    return 2;
  }
  if (options->help) {
    std::fputs(help.c_str(), stdout);
    return 0;
  }
  const auto text = run(*options);
  if (!text) {
    std::fprintf(stderr, "culvert status: %s\n", text.error().detail.c_str());
    return 1;
  }
  std::fputs(text->c_str(), stdout);
  return 0;
}

}  // namespace culvert::agent
