// culvert-chaos-load: the two programs at the ends of many streams whose every octet is checked.
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

#include "tests/chaos/peer.h"

namespace culvert::chaos {
namespace {

constexpr std::int64_t kDrain = 15'000 * kMillisecond;
constexpr const char* kUsage =
    "usage: culvert-chaos-load serve\n"
    "       culvert-chaos-load run STREAMS SEED SECONDS GRACE HOST PORT\n"
    "\n"
    "serve listens on 127.0.0.1, prints its port, and prints its counts when standard input has\n"
    "ended and all streams have, or 15 s later.\n"
    "run keeps STREAMS streams open for SECONDS: short ones that are opened anew, long ones, "
    "bulk;\n"
    "then lets them finish, at most GRACE seconds, and prints its counts. Both as a line of "
    "JSON.\n";

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "chaos-load: %s\n", what.c_str());
  std::exit(2);
}

void print(const Totals& totals, const std::string& more) {
  std::printf(
      "{\"opened\":%llu,\"finished\":%llu,\"lost\":%llu,\"wrong\":%llu,\"sent\":%llu,"
      "\"received\":%llu,\"first_loss\":\"%s\"%s}\n",
      static_cast<unsigned long long>(totals.opened),
      static_cast<unsigned long long>(totals.finished),
      static_cast<unsigned long long>(totals.lost), static_cast<unsigned long long>(totals.wrong),
      static_cast<unsigned long long>(totals.sent),
      static_cast<unsigned long long>(totals.received), totals.first_loss.c_str(), more.c_str());
}

// All streams of one program. Waits for what they want, and for one descriptor besides.
class Crowd {
 public:
  void add(std::unique_ptr<Peer> peer) { peers_.push_back(std::move(peer)); }
  std::vector<std::unique_ptr<Peer>>& peers() { return peers_; }

  // True if the extra descriptor is readable.
  bool turn(int extra, std::int64_t until, Totals& totals) {
    auto now = now_ns();
    std::vector<pollfd> polled{{.fd = extra, .events = POLLIN, .revents = 0}};
    for (const auto& peer : peers_) {
      polled.push_back(peer->interest(now));
      if (polled.back().events == 0) polled.back().fd = -1;  // a paused one may have hung up
      until = std::min(until, std::max(peer->wakes_at(), now));
    }
    const auto wait =
        std::clamp<std::int64_t>((until - now + kMillisecond - 1) / kMillisecond, 0, 50);
    ::poll(polled.data(), polled.size(), static_cast<int>(wait));
    now = now_ns();
    for (std::size_t i = 0; i < peers_.size(); ++i)
      peers_[i]->step(now, polled[i + 1].revents, totals);
    return polled[0].revents != 0;
  }

 private:
  std::vector<std::unique_ptr<Peer>> peers_;
};

bool over(const Peer& peer) {
  return peer.state() == Peer::State::kFinished || peer.state() == Peer::State::kLost;
}

UniqueFd listen_anywhere() {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof local;
  auto* name = reinterpret_cast<sockaddr*>(&local);
  if (::bind(fd.get(), name, size) != 0 || ::listen(fd.get(), SOMAXCONN) != 0 ||
      ::getsockname(fd.get(), name, &size) != 0)
    give_up(std::string("cannot listen: ") + std::strerror(errno));
  std::printf("%u\n", unsigned{ntohs(local.sin_port)});
  std::fflush(stdout);
  return fd;
}

void serve() {
  const auto listener = listen_anywhere();
  Crowd crowd;
  Totals totals;
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  auto drained_by = INT64_MAX;  // the client has ended: what it sent may still be on its way
  while (now_ns() < drained_by && !(drained_by != INT64_MAX && crowd.peers().empty())) {
    if (drained_by == INT64_MAX && ::poll(&input, 1, 0) != 0) drained_by = now_ns() + kDrain;
    if (crowd.turn(listener.get(), INT64_MAX, totals)) {
      for (;;) {
        UniqueFd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!fd) break;
        crowd.add(std::make_unique<Peer>(std::move(fd)));
      }
    }
    std::erase_if(crowd.peers(), [](const auto& peer) { return over(*peer); });
  }
  print(totals, ",\"open\":" + std::to_string(crowd.peers().size()));
}

struct Errand {
  std::size_t streams = 0;
  std::uint64_t seed = 0;
  std::int64_t seconds = 0, grace = 0;
  sockaddr_in target{};
};

class Client {
 public:
  explicit Client(const Errand& errand)
      : errand_(errand), dice_(scramble(errand.seed)), start_(now_ns()) {
    hurry_at_ = start_ + errand.seconds * 1000 * kMillisecond;
  }

  void run() {
    next_open_.assign(errand_.streams, start_);
    while (now_ns() < hurry_at_ || !crowd_.peers().empty()) {
      if (now_ns() > hurry_at_ + errand_.grace * 1000 * kMillisecond) break;
      open_due();
      auto until = INT64_MAX;
      if (!next_open_.empty()) until = *std::min_element(next_open_.begin(), next_open_.end());
      crowd_.turn(-1, until, totals_);
      std::erase_if(crowd_.peers(), [this](const auto& peer) { return retire(*peer); });
    }
    report();
  }

 private:
  void open_due() {
    const auto now = now_ns();
    if (now >= hurry_at_) return next_open_.clear();
    std::erase_if(next_open_, [&](std::int64_t at) { return at <= now && open_one(); });
    next_open_.insert(next_open_.end(), deferred_.begin(), deferred_.end());
    deferred_.clear();
  }

  bool open_one() {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) give_up(std::string("socket: ") + std::strerror(errno));
    const auto* name = reinterpret_cast<const sockaddr*>(&errand_.target);
    if (::connect(fd.get(), name, sizeof errand_.target) != 0 && errno != EINPROGRESS) {
      ++not_opened_[errno];
      deferred_.push_back(now_ns() + 100 * kMillisecond);
    } else {
      crowd_.add(std::make_unique<Peer>(std::move(fd), plan()));
    }
    return true;
  }

  Plan plan() {
    Plan out{.seed = scramble(errand_.seed * 1000003 + count_++),
             .hurry_at = hurry_at_,
             .up = {},
             .down = {}};
    const auto kind = dice_.below(100);
    if (kind < 40) {  // a short talk
      out.up = {dice_.any_size(64 << 10), 2000, 100};
      out.down = {dice_.any_size(64 << 10), 2000, 100};
    } else if (kind < 55) {  // a question and a long answer
      out.up = {dice_.any_size(2000), 2000, 0};
      out.down = {dice_.any_size(4 << 20), 64 << 10, 0};
    } else if (kind < 60) {  // bulk in both directions
      out.up = {dice_.any_size(16 << 20), 256 << 10, 1};
      out.down = {dice_.any_size(16 << 20), 256 << 10, 1};
    } else {  // for a minute and longer
      out.up = {300'000 + dice_.below(3'000'000), 64 << 10, 400};
      out.down = {300'000 + dice_.below(3'000'000), 64 << 10, 400};
    }
    return out;
  }

  bool retire(const Peer& peer) {
    if (!over(peer)) return false;
    auto pause = dice_.below(300);
    if (peer.connect_error() != 0) {
      ++not_opened_[peer.connect_error()];
      pause = 200;
    }
    next_open_.push_back(now_ns() + static_cast<std::int64_t>(pause) * kMillisecond);
    return true;
  }

  void report() {
    std::size_t connecting = 0;
    for (const auto& peer : crowd_.peers())
      connecting += peer->state() == Peer::State::kConnecting ? 1 : 0;
    std::string more = ",\"stuck\":" + std::to_string(crowd_.peers().size() - connecting) +
                       ",\"connecting\":" + std::to_string(connecting) + ",\"not_opened\":{";
    const char* separator = "";
    for (const auto& [error, count] : not_opened_)
      more += std::exchange(separator, ",") + std::string("\"") + ::strerrorname_np(error) +
              "\":" + std::to_string(count);
    print(totals_, more + "}");
  }

  Errand errand_;
  Dice dice_;
  std::int64_t start_, hurry_at_ = 0;
  Crowd crowd_;
  Totals totals_;
  std::vector<std::int64_t> next_open_, deferred_;  // one entry for each stream that is not there
  std::map<int, std::uint64_t> not_opened_;
  std::uint64_t count_ = 0;
};

std::uint64_t number(const std::string& text) {
  std::uint64_t value = 0;
  const auto* end = text.data() + text.size();
  if (std::from_chars(text.data(), end, value).ptr != end) give_up("'" + text + "' is no number");
  return value;
}

sockaddr_in resolve(const char* host, const char* port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  if (const int error = ::getaddrinfo(host, port, &hints, &found); error != 0)
    give_up(std::string("cannot look '") + host + "' up: " + ::gai_strerror(error));
  sockaddr_in out{};
  std::memcpy(&out, found->ai_addr, sizeof out);
  ::freeaddrinfo(found);
  return out;
}

}  // namespace
}  // namespace culvert::chaos

int main(int argc, char** argv) {
  using namespace culvert::chaos;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "serve" && argc == 2) {
    serve();
  } else if (mode == "run" && argc == 8) {
    const auto signed_number = [&](int i) { return static_cast<std::int64_t>(number(argv[i])); };
    Client({.streams = number(argv[2]),
            .seed = number(argv[3]),
            .seconds = signed_number(4),
            .grace = signed_number(5),
            .target = resolve(argv[6], argv[7])})
        .run();
  } else {
    std::fputs(kUsage, mode == "--help" ? stdout : stderr);
    return mode == "--help" ? 0 : 2;
  }
}
