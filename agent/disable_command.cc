#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <cxxopts.hpp>

#include "agent/agent_client.h"
#include "agent/commands.h"
#include "agent/system_wide_force.h"

namespace culvert::agent {
namespace {

constexpr std::chrono::seconds kAnswerWithin{5};

// All of it, even if a part fails; the first failure is told.
Result<void> disable() {
  if (::geteuid() != 0)
    return fail(ErrorCode::kNotPermitted, "this takes root: it changes rules of the whole machine");
  const auto setting = load_system_wide();
  auto outcome = withdraw();
  if (::unlink(kSystemWideFile) != 0 && errno != ENOENT && outcome)
    outcome = fail(ErrorCode::kIo,
                   std::string(kSystemWideFile) + ": cannot be removed: " + std::strerror(errno));
  if (!setting) return outcome;
  // A dead agent has nothing to forget.
  if (const auto link = open_agent(setting->socket))
    (void)ask_agent_on(*link, make_question(CULVERT_TELL_SYSTEM_WIDE), kAnswerWithin);
  return outcome;
}

int complain(const std::string& what, int status) {
  std::fprintf(stderr, "culvert disable: %s\n", what.c_str());
  return status;
}

}  // namespace

int disable_command(std::span<char* const> arguments) {
  cxxopts::Options options(
      "culvert disable",
      "Undoes culvert enable, whether an agent runs or not: the rules and the route are gone.\n"
      "Connections to virtual addresses go on; those to addresses that were forwarded end. Needs "
      "root.\n");
  options.custom_help("");
  options.add_options()("h,help", "show this text");
  std::vector<const char*> words{"culvert disable"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  try {
    const auto given = options.parse(static_cast<int>(words.size()), words.data());
    if (given.count("help") != 0) {
      std::fputs(options.help().c_str(), stdout);
      return 0;
    }
    if (!given.unmatched().empty())
      return complain("it takes no argument; see culvert disable --help", 2);
  } catch (const cxxopts::exceptions::exception& error) {
    return complain(std::string(error.what()) + "; see culvert disable --help", 2);
  }
  if (const auto done = disable(); !done) return complain(done.error().detail, 1);
  return 0;
}

}  // namespace culvert::agent
