// How much memory idle, authenticated sessions cost a service: enrols many endpoints by writing the
// service's records, starts the real service, logs all of them in from this process, waits until
// nothing moves, and reads what the kernel says of the service's private memory before and after.
//
//   culvert-bench-sessions SERVICE-PROGRAM [COUNT]     COUNT at most what the descriptor limit
//   allows
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <list>

#include "service/service.h"
#include "service/store_wait.h"
#include "tunnel/loop/tcp_dial.h"
#include "tunnel/loop/tcp_socket.h"
#include "tunnel/session/session_link.h"

namespace culvert {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t kAtOnce = 50;        // logins under way
constexpr std::size_t kSpare = 200;        // descriptors for all else
constexpr std::size_t kFewSessions = 200;  // the base line: allocator and tables have begun to grow

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "culvert-bench-sessions: %s\n", what.c_str());
  std::exit(1);
}

struct Directory {
  Directory() {
    char name[] = "/tmp/culvert-sessions-XXXXXX";
    if (::mkdtemp(name) == nullptr) die("no temporary directory");
    path = name;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

struct Endpoint final : loop::TcpDial::Listener, session::SessionLink::Listener {
  crypto::KeyPair key;
  ByteVector certificate;
  std::unique_ptr<loop::TcpDial> dial;
  std::unique_ptr<session::SessionLink> link;
  loop::Loop* loop = nullptr;
  crypto::PublicKey service;
  bool up = false;

  void on_dialled(loop::TcpDial&, UniqueFd fd, int error) override {
    if (error != 0) die(std::string("cannot connect to the service: ") + std::strerror(error));
    session::SessionLink::Initiator initiator;
    initiator.self = key;
    initiator.peer = service;
    initiator.hello.certificate = certificate;
    link = std::make_unique<session::SessionLink>(
        *loop, std::make_unique<loop::TcpSocket>(*loop, std::move(fd)), initiator, *this);
    dial.reset();
  }
  void on_session_up(session::SessionLink&) override { up = true; }
  void on_stream_opened(session::SessionLink&, mux::StreamId, const control::Target&) override {}
  void on_control(session::SessionLink&, const control::Message&) override {}
  void on_session_down(session::SessionLink&, const Error& why) override { die(why.detail); }
};

std::string free_address() {
  const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage{};
  auto length = SocketAddress{IpAddress::v4(0x7f000001), 0}.fill(storage);
  auto* const at = reinterpret_cast<sockaddr*>(&storage);
  if (::bind(probe.get(), at, length) != 0 || ::getsockname(probe.get(), at, &length) != 0)
    die("no free port");
  return SocketAddress::from(at).to_string();
}

// Private memory of a process, without what it shares with files.
std::size_t private_octets(pid_t pid) {
  std::ifstream smaps("/proc/" + std::to_string(pid) + "/smaps_rollup");
  std::string word;
  std::size_t kilobytes = 0;
  while (smaps >> word)
    if (word == "Private_Dirty:") smaps >> kilobytes;
  return kilobytes * 1024;
}

std::size_t descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max;
}

class Bench final : private loop::Timer::Listener {
 public:
  Bench(std::string program, std::size_t count)
      : program_(std::move(program)), count_(count), wake_(loop_, *this) {
    config_.domain = "example.net";
    config_.state_directory = directory_.path / "state";
  }

  void run() {
    enrol();
    const auto pid = start_service();
    log_in(kFewSessions);
    const auto before = private_octets(pid);
    log_in(count_);
    const auto after = private_octets(pid);
    std::printf("%zu sessions at one service: %.0f octets of private memory each\n",
                endpoints_.size(),
                static_cast<double>(after - before) / static_cast<double>(count_ - kFewSessions));
    std::fflush(stdout);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }

 private:
  void enrol() {
    auto state = service::State::open(loop_, config_, random_);
    if (!state) die(state.error().detail);
    service_key_ = state->key.identity.public_key;
    service::StoreWait answer(loop_);
    const auto now = loop::Loop::wall_clock();
    std::vector<service::StoreChange> batch;
    for (std::size_t i = 0; i < count_; ++i) {
      auto& endpoint = waiting_.emplace_back();
      endpoint.key = crypto::KeyPair::generate(random_);
      crypto::NameCertificate certificate{"e" + std::to_string(i) + ".example.net",
                                          endpoint.key.public_key, now - 1h,
                                          now + Duration{config_.certificate_life}, i + 1};
      endpoint.certificate = *certificate.sign(state->key.signing);
      batch.push_back({service::endpoint_key(certificate.name),
                       encode(service::EndpointRecord{certificate.key, i + 1, now, now + 24h})});
      if (batch.size() < 500 && i + 1 < count_) continue;
      state->store->transact(answer.call(), {}, std::exchange(batch, {}));
      if (!answer.wait()) die("the records were not written");
    }
  }

  pid_t start_service() {
    const auto file = directory_.path / "service.toml";
    std::ofstream(file) << "domain = \"example.net\"\nlisten = \"" << free_address() << "\"\n"
                        << "state_directory = \"" << config_.state_directory << "\"\n"
                        << "[limits]\nunauthenticated_per_address = 1000\n";
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) die("no pipe");
    const auto pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(pipe[1], 2);
      ::execl(program_.c_str(), program_.c_str(), "--config", file.c_str(), nullptr);
      _exit(127);
    }
    ::close(pipe[1]);
    std::string text;
    char buffer[512];
    std::size_t at = std::string::npos;
    while (at == std::string::npos || text.find('\n', at) == std::string::npos) {
      const auto got = ::read(pipe[0], buffer, sizeof buffer);
      if (got <= 0) die("the service did not start: " + text);
      text.append(buffer, static_cast<std::size_t>(got));
      at = text.find("127.0.0.1:");
    }
    last_log_ = text;
    address_ = *SocketAddress::parse(text.substr(at, text.find_first_of(" \"\n", at) - at));
    log_ = UniqueFd(pipe[0]);
    ::fcntl(log_.get(), F_SETFL, O_NONBLOCK);
    return pid;
  }

  void log_in(std::size_t upto) {
    while (true) {
      std::size_t up = 0;
      for (auto& endpoint : endpoints_) up += endpoint->up ? 1 : 0;
      while (endpoints_.size() < upto && endpoints_.size() - up < kAtOnce) start_one();
      if (up == upto) break;
      turn();
    }
    // Each side still asks once after the pause (tunnel/session/liveness.h).
    const auto end = loop_.precise_now() + 3s;
    while (loop_.precise_now() < end) turn();
  }
  void turn() {
    wake_.start(20ms);
    loop_.run_once();
    drain_log();
  }
  void on_timer(loop::Timer&) override {}
  void start_one() {
    endpoints_.push_back(std::make_unique<Endpoint>(std::move(waiting_.front())));
    waiting_.pop_front();
    auto& endpoint = *endpoints_.back();
    endpoint.loop = &loop_;
    endpoint.service = service_key_;
    endpoint.dial = std::make_unique<loop::TcpDial>(loop_, address_, 10s, endpoint);
  }
  void drain_log() {
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::read(log_.get(), buffer, sizeof buffer)) > 0)
      last_log_.assign(buffer, static_cast<std::size_t>(got));
    if (got == 0) die("the service has ended: " + last_log_);
  }

  Directory directory_;
  std::string program_;
  std::size_t count_;
  SystemRandom random_;
  loop::Loop loop_;
  loop::Timer wake_;
  service::Config config_;
  crypto::PublicKey service_key_;
  SocketAddress address_;
  UniqueFd log_;
  std::string last_log_;
  std::list<Endpoint> waiting_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
};

}  // namespace
}  // namespace culvert

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) culvert::die("usage: culvert-bench-sessions SERVICE-PROGRAM [COUNT]");
  const auto most = culvert::descriptor_limit() - culvert::kSpare;
  const auto wanted = argc == 3 ? std::strtoul(argv[2], nullptr, 10) : most;
  if (wanted <= culvert::kFewSessions) culvert::die("COUNT must be more than 200");
  culvert::Bench(argv[1], std::min(wanted, most)).run();
}
