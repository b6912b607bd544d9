#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cxxopts.hpp>

#include "agent/commands.h"
#include "agent/config.h"
#include "agent/enrolment.h"
#include "agent/given_text.h"
#include "agent/program_path.h"
#include "agent/state_file.h"
#include "agent/token_input.h"
#include "tunnel/base/act_as_owner.h"
#include "tunnel/base/plain_text.h"
#include "tunnel/carrier/proxy_trust.h"
#include "tunnel/carrier/ticket_helper.h"
#include "tunnel/crypto/name_certificate.h"

namespace culvert::agent {
namespace {

constexpr const char* kAbout =
    "Makes this machine (or this user) an endpoint: turns a one-time invitation token, printed by\n"
    "`culvert-service invite NAME`, into a key pair and a name certificate. The token is read\n"
    "from standard input, never from the command line, which other users can see.\n";

struct Options {
  std::string config, token_file;
  bool replace = false, help = false;
};

Result<Options> parse(std::span<char* const> arguments, std::string& help) {
  cxxopts::Options options("culvert enroll", kAbout);
  options.custom_help("[OPTION...] < TOKEN");
  options.add_options()(
      "agent-config",
      "the agent's configuration, for its state directory (default: "
      "~/.config/culvert/agent.toml, else /etc/culvert/agent.toml, else built-in values)",
      cxxopts::value<std::string>(),
      "FILE")("token-file", "read the token from FILE instead of standard input",
              cxxopts::value<std::string>(),
              "FILE")("replace", "give up an identity of another name that is there already")(
      "h,help", "show this text");
  help = options.help();
  std::vector<const char*> words{"culvert enroll"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  try {
    const auto given = options.parse(static_cast<int>(words.size()), words.data());
    if (!given.unmatched().empty())
      return fail(ErrorCode::kBadInput,
                  "unexpected argument; a token is never given as an "
                  "argument: culvert enroll < TOKEN_FILE");
    return Options{given_text(given, "agent-config"), given_text(given, "token-file"),
                   given.count("replace") != 0, given.count("help") != 0};
  } catch (const cxxopts::exceptions::exception& error) {
    return fail(ErrorCode::kBadInput, std::string(error.what()) + "; see culvert enroll --help");
  }
}

// Runs the loop until the enrolment has told its outcome.
class Wait final : public Enrolment::Listener {
 public:
  explicit Wait(loop::Loop& loop) : loop_(loop) {}
  void on_enrolled(Enrolment&, Result<Identity> identity) override {
    outcome = std::move(identity);
    loop_.stop();
  }
  Result<Identity> outcome = fail(ErrorCode::kIo, "interrupted");

 private:
  loop::Loop& loop_;
};

Result<void> check_replacing(const AgentConfig& config, const control::Invitation& invitation,
                             bool replace) {
  const auto old = load_identity(config.state_directory);
  if (replace || (!old && old.error().code == ErrorCode::kNameUnknown)) return {};
  if (!old) return fail(old.error());
  if (old->name == invitation.name) return {};
  return fail(ErrorCode::kBadInput, "this endpoint is enrolled as " + old->name + "; to become " +
                                        invitation.name + " instead, add --replace");
}

Result<Identity> enroll(const AgentConfig& config, const control::Invitation& invitation) {
  const auto service = HostPort::parse(invitation.service, 443);
  if (!service)
    return fail(ErrorCode::kBadInput, "the token names no usable address: " + invitation.service);
  SystemRandom random;
  auto tls = carrier::TlsClientContext::make({{"http/1.1"}, ""}, random);
  if (!tls) return fail(tls.error());
  carrier::ProxyTrust proxy_trust(config.proxy_ca, random);
  loop::Loop loop;
  carrier::TicketHelper tickets(loop, companion_file("culvert-ticket"));
  Wait wait(loop);
  Enrolment enrolment(loop, carrier::Means{*tls, random, {}, &proxy_trust, &tickets}, invitation,
                      way_options(config, *service, invitation.domain),
                      proxy_sources(config, "this shell"), wait);
  loop.run();
  if (wait.outcome)
    std::printf("The service was reached %s.\n", plain_text(enrolment.way()).c_str());
  return std::move(wait.outcome);
}

// Where the package is installed, everybody reads the configuration of the machine's agent.
Result<void> check_own(const AgentConfig& config) {
  struct stat facts {};
  if (::geteuid() == 0 || ::stat(config.state_directory.c_str(), &facts) != 0 ||
      facts.st_uid == ::geteuid())
    return {};
  return fail(ErrorCode::kNotPermitted,
              "the state directory " + config.state_directory + " (" +
                  (config.file.empty() ? std::string("by default") : "set by " + config.file) +
                  ") is another user's. To enrol this machine, run this as root; to enrol for "
                  "yourself, have a configuration of your own, which may be empty: mkdir -p "
                  "~/.config/culvert && touch ~/.config/culvert/agent.toml");
}

Result<Identity> run(const Options& options) {
  auto config = load_config(options.config, Environment::current());
  if (!config) return fail(config.error());
  CULVERT_RETURN_IF_ERROR(check_own(*config));
  auto token = read_token(options.token_file);
  if (!token) return fail(token.error());
  CULVERT_RETURN_IF_ERROR(act_as_owner(config->state_directory));
  CULVERT_RETURN_IF_ERROR(make_state_directory(config->state_directory));
  const auto invitation = control::decode_invitation(*token);
  sodium_memzero(token->data(), token->size());
  if (!invitation) return fail(invitation.error());
  CULVERT_RETURN_IF_ERROR(check_replacing(*config, *invitation, options.replace));
  CULVERT_RETURN_IF_ERROR(try_to_save_identity(config->state_directory));
  auto identity = enroll(*config, *invitation);
  if (!identity) return fail(identity.error());
  CULVERT_RETURN_IF_ERROR(save_identity(config->state_directory, *identity));
  std::printf("This endpoint is now %s (identity in %s).\n", identity->name.c_str(),
              identity_file(config->state_directory).c_str());
  const auto now = crypto::NameCertificate::verify(identity->certificate, identity->signing_key,
                                                   loop::Loop::wall_clock());
  if (!now)
    std::fprintf(stderr,
                 "culvert enroll: warning: set this machine's clock right, or the agent will not "
                 "start: %s\n",
                 now.error().detail.c_str());
  return identity;
}

}  // namespace

int enroll_command(std::span<char* const> arguments) {
  std::string help;
  const auto options = parse(arguments, help);
  if (!options) {
    std::fprintf(stderr, "culvert enroll: %s\n", options.error().detail.c_str());
    return 2;
  }
  if (options->help) {
    std::fputs(help.c_str(), stdout);
    return 0;
  }
  if (::sodium_init() < 0) return 1;
  std::signal(SIGPIPE, SIG_IGN);
  const auto identity = run(*options);
  if (!identity) {
    std::fprintf(stderr, "culvert enroll: %s\n", plain_text(identity.error().detail).c_str());
    return 1;
  }
  std::printf(
      "Next: start culvert-agent (one that runs takes this up by itself), or simply try:\n"
      "  culvert run -- curl http://NAME.%s/\n",
      identity->domain.c_str());
  return 0;
}

}  // namespace culvert::agent
