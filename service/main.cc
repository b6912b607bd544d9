// culvert-service: the daemon and its administrator's commands.
#include <sodium.h>
#include <sys/stat.h>

#include <cstdio>
#include <exception>

#include "service/commands.h"
#include "service/directory_lock.h"
#include "service/enrolment.h"
#include "service/readiness.h"
#include "service/tls_files.h"
#include "tunnel/base/act_as_owner.h"
#include "tunnel/base/heap.h"

namespace culvert::service {
namespace {

constexpr int kRuntimeError = 1, kUsageError = 2, kConfigError = 78;  // 78: EX_CONFIG, sysexits.h

int complain(int status, const std::string& what) {
  std::fprintf(stderr, "culvert-service: %s\n", what.c_str());
  return status;
}

int print(const std::string& text) {
  const bool written = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  return written ? 0 : complain(kRuntimeError, "cannot write to standard output");
}

class Daemon final : private Service::Listener, private loop::Signals::Listener {
 public:
  Daemon(loop::Loop& loop, State state, carrier::TlsServerContext tls, Random& random,
         bool keep_for_restart)
      : loop_(loop),
        domain_(state.config.domain),
        keep_for_restart_(keep_for_restart && restart::manager_is_there()),
        signals_(loop, *this) {
    service_.emplace(loop, std::move(state), std::move(tls), random,
                     static_cast<Service::Listener&>(*this));
  }

  int run() {
    service_->start(restart::take_from_manager());
    loop_.run();
    return status_;
  }

 private:
  void on_ready(const std::vector<SocketAddress>& addresses) override {
    for (const auto& address : addresses)
      log::info("service",
                {{"event", "listening"}, {"at", address.to_string()}, {"domain", domain_}});
    tell_ready("waiting for endpoints of " + domain_);
    ready_ = true;
  }
  void on_stopped(const Result<void>& why) override {
    if (!why) status_ = complain(kRuntimeError, why.error().detail);
    log::info("service", {{"event", "stopped"}});
    loop_.stop();
  }
  void on_terminate(int signal) override {
    if (std::exchange(stopping_, true)) return;
    log::info("service", {{"event", "stopping"}, {"why", loop::Signals::name_of(signal)}});
    if (signal == SIGTERM && keep_for_restart_ && ready_) return hand_over();
    tell_stopping("saying goodbye");
    service_->stop("the service is stopping");
  }
  // No turn of the loop in between: an octet that is read after the snapshot would be lost.
  void hand_over() {
    tell_stopping("leaving connections to the next process");
    restart::Outgoing out;
    const auto state = service_->hand_over(out);
    if (const auto left = restart::leave_to_manager(state, out); !left)
      log::error("restart", {{"event", "connections-lost"}, {"why", left.error().detail}});
    else
      log::info("restart",
                {{"event", "left-to-manager"}, {"sockets", out.size()}, {"octets", state.size()}});
    service_.reset();
    loop_.stop();
  }

  loop::Loop& loop_;
  std::string domain_;
  bool keep_for_restart_;
  std::optional<Service> service_;
  loop::Signals signals_;
  int status_ = 0;
  bool stopping_ = false, ready_ = false;
};

int serve(loop::Loop& loop, State state, Random& random, bool keep_for_restart) {
  const auto lock = lock_directory(state.config.state_directory);
  if (!lock) return complain(kRuntimeError, lock.error().detail);
  auto tls = load_tls(state.config, loop::Loop::wall_clock(), random);
  if (!tls)
    return complain(tls.error().code == ErrorCode::kBadInput ? kConfigError : kRuntimeError,
                    tls.error().detail);
  keep_freed_heap();
  return Daemon(loop, std::move(state), std::move(*tls), random, keep_for_restart).run();
}

int run_command(const Options& options, Config config) {
  using Command = Options::Command;
  if (options.command != Command::kServe) {
    const auto acted = act_as_owner(config.state_directory);
    if (!acted) return complain(kRuntimeError, acted.error().detail);
  }
  SystemRandom random;
  loop::Loop loop;
  const auto now = loop::Loop::wall_clock();
  auto state = State::open(loop, std::move(config), random);
  if (!state) return complain(kRuntimeError, state.error().detail);
  if (options.command == Command::kServe)
    return serve(loop, std::move(*state), random, options.keep_for_restart);
  const auto output = options.command == Command::kInvite
                          ? invite(loop, *state, options, now, random)
                      : options.command == Command::kRevoke ? revoke(loop, *state, options.name)
                                                            : list_endpoints(loop, *state, now);
  if (!output)
    return complain(output.error().code == ErrorCode::kBadInput ? kUsageError : kRuntimeError,
                    output.error().detail);
  // On standard output is the token alone, for a pipe; a name that was typed wrong shows here.
  if (options.command == Command::kInvite)
    std::fprintf(stderr, "culvert-service: with this token, once, a machine becomes %s\n",
                 full_name(options.name, state->config.domain)->c_str());
  return print(*output);
}

int run(int argc, const char* const* argv) {
  using Command = Options::Command;
  const auto options = parse_options(argc, argv);
  if (!options) return complain(kUsageError, options.error().detail);
  if (options->command == Command::kHelp) return print(help_text());
  if (options->command == Command::kVersion) return print(version_text());
  auto config = load_config(options->config);
  if (!config) return complain(kConfigError, config.error().detail);
  if (options->command == Command::kCheck) return print(options->config + ": no error found\n");
  log::set_level(config->log_level);
  ::umask(077);  // the database beside the key, too, is nobody else's business
  if (sodium_init() < 0) return complain(kRuntimeError, "the system gives no random numbers");
  return run_command(*options, std::move(*config));
}

}  // namespace
}  // namespace culvert::service

int main(int argc, char** argv) {
  try {
    return culvert::service::run(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "culvert-service: %s\n", problem.what());
    return 1;
  }
}
