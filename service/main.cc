// culvert-service: the daemon and its administrator's commands.
#include <sodium.h>
#include <sys/stat.h>

#include <cstdio>
#include <exception>

#include "service/commands.h"
#include "service/readiness.h"
#include "service/tls_files.h"
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
  Daemon(loop::Loop& loop, State state, carrier::TlsServerContext tls, Random& random)
      : loop_(loop),
        domain_(state.config.domain),
        service_(loop, std::move(state), std::move(tls), random, *this),
        signals_(loop, *this) {}

  int run() {
    service_.start();
    loop_.run();
    return status_;
  }

 private:
  void on_ready(const std::vector<SocketAddress>& addresses) override {
    for (const auto& address : addresses)
      log::info("service",
                {{"event", "listening"}, {"at", address.to_string()}, {"domain", domain_}});
    tell_ready("waiting for endpoints of " + domain_);
  }
  void on_stopped(const Result<void>& why) override {
    if (!why) status_ = complain(kRuntimeError, why.error().detail);
    log::info("service", {{"event", "stopped"}});
    loop_.stop();
  }
  void on_terminate(int signal) override {
    if (std::exchange(stopping_, true)) return;
    const std::string why = signal == SIGTERM ? "SIGTERM" : "SIGINT";
    log::info("service", {{"event", "stopping"}, {"why", why}});
    tell_stopping("saying goodbye");
    service_.stop("the service is stopping");
  }

  loop::Loop& loop_;
  std::string domain_;
  Service service_;
  loop::Signals signals_;
  int status_ = 0;
  bool stopping_ = false;
};

int serve(loop::Loop& loop, State state, Random& random) {
  auto tls = load_tls(state.config, loop::Loop::wall_clock(), random);
  if (!tls)
    return complain(tls.error().code == ErrorCode::kBadInput ? kConfigError : kRuntimeError,
                    tls.error().detail);
  keep_freed_heap();
  return Daemon(loop, std::move(state), std::move(*tls), random).run();
}

int run_command(const Options& options, Config config) {
  using Command = Options::Command;
  SystemRandom random;
  loop::Loop loop;
  const auto now = loop::Loop::wall_clock();
  auto state = State::open(loop, std::move(config), random);
  if (!state) return complain(kRuntimeError, state.error().detail);
  if (options.command == Command::kServe) return serve(loop, std::move(*state), random);
  const auto output = options.command == Command::kInvite
                          ? invite(loop, *state, options, now, random)
                      : options.command == Command::kRevoke ? revoke(loop, *state, options.name)
                                                            : list_endpoints(loop, *state, now);
  if (!output)
    return complain(output.error().code == ErrorCode::kBadInput ? kUsageError : kRuntimeError,
                    output.error().detail);
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
