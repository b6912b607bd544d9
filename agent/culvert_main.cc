// The `culvert` command: picks the verb; each verb parses its own arguments.
#include <cstdio>
#include <string_view>

#include "agent/commands.h"
#include "agent/prompt_command.h"
#include "agent/run_command.h"
#include "agent/supervision.h"

namespace {

constexpr const char* kUsage =
    "usage: culvert COMMAND [ARGUMENT...]\n"
    "\n"
    "  run [--] CMD [ARG...]  run CMD so that it reaches virtual host names\n"
    "  status                 what the agent is doing\n"
    "  why HOST[:PORT]        whether connections to HOST are carried, and why\n"
    "  enable --user NAME     carry programs without culvert run: of a user, of a slice, all\n"
    "  disable                undo that\n"
    "  netcheck               which ways lead out of this network, and why\n"
    "  proxy-login HOST:PORT  tell the agent who you are to a proxy that asks\n"
    "  enroll < TOKEN         make this machine an endpoint, with a token of the service\n"
    "  help [COMMAND]         show this text, or that of a command\n"
    "  version                show the version\n"
    "\n"
    "Each command explains itself: culvert COMMAND --help.\n";

int dispatch(std::string_view verb, std::span<char* const> arguments) {
  if (verb == "run") return culvert::agent::run_command(arguments);
  if (verb == "status") return culvert::agent::status_command(arguments);
  if (verb == "why") return culvert::agent::why_command(arguments);
  if (verb == "enable") return culvert::agent::enable_command(arguments);
  if (verb == "disable") return culvert::agent::disable_command(arguments);
  if (verb == "netcheck") return culvert::agent::netcheck_command(arguments);
  if (verb == "proxy-login") return culvert::agent::proxy_login_command(arguments);
  if (verb == "enroll") return culvert::agent::enroll_command(arguments);
  if (verb == culvert::agent::kPromptVerb) return culvert::agent::prompt_command(arguments);
  if (verb == culvert::agent::kSuperviseVerb) return culvert::agent::supervise_command(arguments);
  if (verb == "version" || verb == "--version") {
    std::puts("culvert " CULVERT_VERSION);
    return 0;
  }
  if (verb == "help" || verb == "--help" || verb == "-h") {
    if (arguments.empty()) {
      std::fputs(kUsage, stdout);
      return 0;
    }
    const std::string_view topic = arguments.front();
    char option[] = "--help";
    char* const words[] = {option};
    if (topic == "run" || topic == "status" || topic == "why" || topic == "netcheck" ||
        topic == "enroll" || topic == "proxy-login" || topic == "enable" || topic == "disable")
      return dispatch(topic, words);
    verb = topic;
  }
  std::fprintf(stderr, "culvert: there is no command \"%.*s\"; see culvert help\n",
               static_cast<int>(verb.size()), verb.data());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  const std::span<char* const> words{argv, static_cast<std::size_t>(argc)};
  return dispatch(words[1], words.subspan(2));
}
