// culvert-agent: start-up order, signals, and the end.
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "agent/agent.h"
#include "agent/descriptor_limit.h"
#include "agent/identity_watch.h"
#include "agent/options.h"
#include "agent/program_path.h"
#include "agent/readiness.h"
#include "agent/state_file.h"
#include "agent/state_lock.h"
#include "tunnel/base/heap.h"
#include "tunnel/carrier/ticket_helper.h"
#include "tunnel/loop/signals.h"

namespace culvert::agent {
namespace {

// Host or guest (state_lock.h). One that was started for a command lives until the command ends,
// and its socket's directory goes with it.
class Process final : private loop::Signals::Listener,
                      private ExitWatch::Listener,
                      private Agent::Listener,
                      private IdentityWatch::Listener,
                      private loop::Timer::Listener {
 public:
  Process(AgentConfig config, AgentOptions options)
      : config_(std::move(config)),
        options_(std::move(options)),
        lock_(config_.state_directory),
        exit_watch_(*this),
        guest_check_(loop_, *this),
        expiry_check_(loop_, *this) {}

  Result<void> run() {
    CULVERT_RETURN_IF_ERROR(make_state_directory(config_.state_directory));
    auto identity = load_identity(config_.state_directory);
    if (!identity) return fail(identity.error());
    CULVERT_RETURN_IF_ERROR(check_identity(*identity, loop::Loop::wall_clock()));
    if (options_.check) return {};
    make_socket_directory();
    const auto host = find_host();
    if (!host) return fail(host.error());
    loop::Signals signals(loop_, *this);
    if (options_.until_exit_of != 0)
      CULVERT_RETURN_IF_ERROR(exit_watch_.watch(loop_, options_.until_exit_of));
    certificate_ = identity->certificate;
    warn_of_expiry();
    auto outcome = host->empty() ? be_host(std::move(*identity)) : be_guest_of(*host);
    remove_socket_directory();
    return outcome;
  }

 private:
  static constexpr int kLockTries = 50;  // with the pause, 5 s: an agent that ends takes 0.5 s
  static constexpr std::chrono::milliseconds kLockPause{100};
  static constexpr std::chrono::milliseconds kGuestCheck{500};

  bool is_private() const { return options_.until_exit_of != 0; }

  // The socket of the agent whose guest we are; empty: we are the host.
  Result<std::string> find_host() {
    for (int i = 1;; ++i) {
      const auto locked = lock_.become_host(config_.control_socket);
      if (locked) return std::string{};
      if (locked.error().code != ErrorCode::kTryAgain || !is_private()) return fail(locked.error());
      auto host = lock_.become_guest();
      if (host || host.error().code != ErrorCode::kTryAgain || i == kLockTries) return host;
      ::usleep(std::chrono::microseconds{kLockPause}.count());
    }
  }

  Result<void> be_host(Identity identity) {
    auto tls = carrier::TlsClientContext::make({{"http/1.1"}, ""}, random_);
    if (!tls) return fail(tls.error());
    carrier::ProxyTrust proxy_trust(config_.proxy_ca, random_);
    carrier::TicketHelper tickets(loop_, companion_file("culvert-ticket"));
    raise_descriptor_limit();
    keep_freed_heap();
    // Private agents are nobody's service: nothing is kept for them.
    auto estate = is_private() ? restart::Estate{} : restart::take_from_manager();
    for (;;) {
      identity_watch_.emplace(loop_, config_.state_directory, identity,
                              static_cast<IdentityWatch::Listener&>(*this));
      agent_.emplace(config_,
                     OwnEndpoint{loop_, random_, *tls, std::move(identity), config_.resume,
                                 &proxy_trust, &tickets},
                     static_cast<Agent::Listener&>(*this));
      if (!is_private()) agent_->keep_listeners();
      auto started = agent_->start(std::exchange(estate, {}));
      if (started) loop_.run();
      agent_.reset();
      if (!started || !std::exchange(begins_anew_, false)) return started;
      auto fresh = load_identity(config_.state_directory);
      if (!fresh) return fail(fresh.error());
      CULVERT_RETURN_IF_ERROR(check_identity(*fresh, loop::Loop::wall_clock()));
      certificate_ = fresh->certificate;
      identity = std::move(*fresh);
    }
  }

  Result<void> be_guest_of(const std::string& host) {
    if (::symlink(host.c_str(), config_.control_socket.c_str()) != 0)
      return fail(ErrorCode::kIo, config_.control_socket + ": " + std::strerror(errno));
    log::info("agent", {{"event", "guest"}, {"of", host}});
    tell_ready("guest of " + host);
    loop_.run();
    ::unlink(config_.control_socket.c_str());
    return {};
  }

  void on_terminate(int signal) override {
    leaving_ = signal == SIGTERM && agent_ && !begins_anew_ && options_.keep_for_restart &&
               !is_private() && restart::manager_is_there();
    stop(loop::Signals::name_of(signal));
  }
  // No session of the old key goes on; all else does.
  void on_other_identity() override {
    if (leaving_) return;  // the next process takes it
    log::info("identity", {{"event", "another"}, {"effect", "beginning anew with it"}});
    begins_anew_ = true;
    agent_->stop();
  }
  void on_process_ended() override { stop_without_guests(); }
  void on_timer(loop::Timer& timer) override {
    if (&timer == &expiry_check_) return warn_of_expiry();
    stop_without_guests();
  }
  void warn_of_expiry() {
    const auto warning =
        expiry_warning(agent_ ? agent_->certificate() : certificate_, loop::Loop::wall_clock());
    if (!warning.empty()) log::warning("identity", {{"event", "expires"}, {"why", warning}});
    expiry_check_.start(std::chrono::days{1});
  }
  void stop_without_guests() {
    if (agent_ && !lock_.refuse_guests()) return guest_check_.start(kGuestCheck);
    stop("the command has ended");
  }
  void stop(const std::string& why) {
    log::info("agent", {{"event", "stopping"}, {"why", why}});
    begins_anew_ = false;
    tell_stopping(leaving_ ? "leaving connections to the next process" : "saying goodbye");
    if (leaving_) return agent_->prepare_to_leave();
    if (agent_) return agent_->stop();
    loop_.stop();
  }
  void on_agent_stopped() override {
    if (leaving_) leave();
    loop_.stop();
  }
  // No turn of the loop in between: an octet that is read after the snapshot would be lost.
  void leave() {
    restart::Outgoing out;
    const auto state = agent_->hand_over(out);
    if (const auto left = restart::leave_to_manager(state, out); !left)
      log::error("restart", {{"event", "connections-lost"}, {"why", left.error().detail}});
    else
      log::info("restart",
                {{"event", "left-to-manager"}, {"sockets", out.size()}, {"octets", state.size()}});
    agent_.reset();
  }

  std::filesystem::path socket_directory() const {
    return std::filesystem::path(config_.control_socket).parent_path();
  }
  void make_socket_directory() const {
    std::error_code ignored;  // the gate says what is wrong when it cannot bind
    if (std::filesystem::exists(socket_directory(), ignored)) return;
    std::filesystem::create_directories(socket_directory(), ignored);
    const bool others = config_.access.all || !config_.access.users.empty();
    ::chmod(socket_directory().c_str(), others ? 0755 : 0700);
  }
  void remove_socket_directory() const {
    std::error_code ignored;  // not empty: it is somebody else's too
    if (is_private()) std::filesystem::remove(socket_directory(), ignored);
  }

  AgentConfig config_;
  AgentOptions options_;
  StateLock lock_;
  SystemRandom random_;
  loop::Loop loop_;
  ExitWatch exit_watch_;
  loop::Timer guest_check_, expiry_check_;
  ByteVector certificate_;
  std::optional<IdentityWatch> identity_watch_;
  std::optional<Agent> agent_;
  bool leaving_ = false, begins_anew_ = false;
};

Result<void> run(const AgentOptions& options) {
  auto config = load_config(options.config, Environment::current());
  if (!config) return fail(config.error());
  if (!options.control_socket.empty()) config->control_socket = options.control_socket;
  log::set_level(config->log_level);
  Process process(std::move(*config), options);
  return process.run();
}

int start(std::span<char* const> arguments) {
  std::string help;
  const auto options = parse_options(arguments, help);
  if (!options) {
    std::fprintf(stderr, "culvert-agent: %s\n", options.error().detail.c_str());
    return 2;
  }
  if (options->help || options->version) {
    std::fputs(options->help ? help.c_str() : "culvert-agent " CULVERT_VERSION "\n", stdout);
    return 0;
  }
  if (::sodium_init() < 0) return 1;
  if (const auto done = run(*options); !done) {
    std::fprintf(stderr, "culvert-agent: %s\n", done.error().detail.c_str());
    return done.error().code == ErrorCode::kBadInput ? 78 : 1;  // EX_CONFIG
  }
  if (options->check) std::puts("configuration and identity are in order");
  return 0;
}

}  // namespace
}  // namespace culvert::agent

int main(int argc, char** argv) {
  ::setenv("CULVERT_AGENT", "", 1);  // neither we nor our helpers ask ourselves for names
  return culvert::agent::start({argv, static_cast<std::size_t>(argc)});
}
