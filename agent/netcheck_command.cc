#include <sodium.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cxxopts.hpp>

#include "agent/agent_client.h"
#include "agent/commands.h"
#include "agent/config.h"
#include "agent/given_text.h"
#include "agent/netcheck.h"
#include "agent/program_path.h"
#include "agent/status.h"
#include "tunnel/base/act_as_owner.h"
#include "tunnel/base/plain_text.h"
#include "tunnel/carrier/ticket_helper.h"

namespace culvert::agent {
namespace {

struct Options {
  std::string config;
  bool json = false, help = false;
};

Result<Options> parse(std::span<char* const> arguments, std::string& help) {
  cxxopts::Options options(
      "culvert netcheck",
      "Tries every way to the service, and says which gets out of this network and why.\n"
      "Leaves the session of a running agent alone.\n");
  options.custom_help("[OPTION...]");
  options.add_options()("agent-config", "the agent's configuration (default: where it looks)",
                        cxxopts::value<std::string>(),
                        "FILE")("json", "print one JSON document (\"schema\": 1) and no progress")(
      "h,help", "show this text");
  help =
      options.help() + "\nExit status: 0 if the service is reached, 1 if not, 2 after an error.\n";
  std::vector<const char*> words{"culvert netcheck"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  try {
    const auto given = options.parse(static_cast<int>(words.size()), words.data());
    if (!given.unmatched().empty())
      return fail(ErrorCode::kBadInput, "unexpected argument \"" + given.unmatched().front() +
                                            "\"; see culvert netcheck --help");
    return Options{given_text(given, "agent-config"), given.count("json") != 0,
                   given.count("help") != 0};
  } catch (const cxxopts::exceptions::exception& error) {
    return fail(ErrorCode::kBadInput, std::string(error.what()) + "; see culvert netcheck --help");
  }
}

class Printer final : public Netcheck::Listener {
 public:
  Printer(loop::Loop& loop, bool json, const std::optional<StatusReport>& agent)
      : loop_(loop), json_(json), agent_(agent) {}

  void on_netcheck_progress(const std::string& line) override {
    if (json_) return;
    std::puts(line.c_str());
    std::fflush(stdout);
  }
  void on_netcheck_done(const NetcheckReport& report) override {
    reached = !report.best.empty();
    auto full = report;
    if (agent_) full.place = agent_->place;
    std::fputs((json_ ? to_json(full) : conclusion(full)).c_str(), stdout);
    loop_.stop();
  }
  bool reached = false;

 private:
  loop::Loop& loop_;
  bool json_;
  const std::optional<StatusReport>& agent_;
};

// What an agent that runs says of itself; nothing if there is none.
std::optional<StatusReport> ask_agent(const AgentConfig& config) {
  auto sockets = agent_sockets("");
  sockets.insert(sockets.begin(), config.control_socket);
  for (const auto& socket : sockets) {
    const auto text = ask_status(socket, std::chrono::seconds{2});
    if (!text) continue;
    if (auto report = status_from_json(*text)) return std::move(*report);
  }
  return std::nullopt;
}

void show_agent(const std::optional<StatusReport>& report) {
  if (report) {
    const auto& session = report->session;
    auto line = "agent:   " + session.state;
    if (!session.via.empty()) line += " by " + session.via + " to " + session.address;
    if (!session.proxy_source.empty())
      line += " through " + session.proxy + " [" + session.proxy_source + "]";
    if (!session.why.empty()) line += " (" + session.why + ")";
    std::puts(plain_text(line).c_str());
    for (const auto& mapping : report->place.mappings)
      std::puts(plain_text("mapped:  " + to_text(mapping)).c_str());
    if (report->place.direct && !report->place.map_port)
      std::puts("mapped:  no port is ([direct] map_port)");
    std::fputs(reachability(report->place).c_str(), stdout);
    return;
  }
  std::puts("agent:   none runs");
}

// True: the service is reached.
Result<bool> run(const Options& options) {
  const auto config = load_config(options.config, Environment::current());
  if (!config) return fail(config.error());
  CULVERT_RETURN_IF_ERROR(act_as_owner(config->state_directory));
  auto identity = load_identity(config->state_directory);
  if (!identity)
    return fail(identity.error().code, identity.error().detail +
                                           " (an agent of another user has its own identity: run "
                                           "this as that user, or as root with --agent-config)");
  SystemRandom random;
  auto tls = carrier::TlsClientContext::make({{"h2", "http/1.1"}, ""}, random);
  if (!tls) return fail(tls.error());
  const auto agent = ask_agent(*config);
  if (!options.json) show_agent(agent);
  loop::Loop loop;
  log::set_level(log::Level::kError);
  carrier::ProxyTrust proxy_trust(config->proxy_ca, random);
  carrier::TicketHelper tickets(loop, companion_file("culvert-ticket"));
  const OwnEndpoint self{loop, random, *tls, *std::move(identity), {}, &proxy_trust, &tickets};
  Printer printer(loop, options.json, agent);
  Netcheck netcheck(self, way_options(*config, self.identity.service, self.identity.domain),
                    proxy_sources(*config, "this shell"), config->state_directory + "/networks",
                    printer);
  loop.run();
  return printer.reached;
}

}  // namespace

int netcheck_command(std::span<char* const> arguments) {
  std::string help;
  const auto options = parse(arguments, help);
  if (options && options->help) {
    std::fputs(help.c_str(), stdout);
    return 0;
  }
  if (::sodium_init() < 0) return 2;
  std::signal(SIGPIPE, SIG_IGN);
  Result<bool> reached = false;
  if (options)
    reached = run(*options);
  else
    reached = fail(options.error());
  if (reached) return *reached ? 0 : 1;
  std::fprintf(stderr, "culvert netcheck: %s\n", plain_text(reached.error().detail).c_str());
  return 2;
}

}  // namespace culvert::agent
