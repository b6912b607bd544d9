#include "tests/bench/load_client.h"

#include <netdb.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace culvert::bench {
namespace {

constexpr std::int64_t kPatience = 8'000'000'000;  // ns without what must come: give up
constexpr std::size_t kOpenBytes = 64;
constexpr std::size_t kOpenedTogether = 50;

std::int64_t to_ns(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }
double to_us(std::int64_t ns) { return static_cast<double>(ns) / 1e3; }

UniqueFd open_stream(const sockaddr_in& target) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) give_up_errno("socket", errno);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0)
    give_up_errno("connect", errno);
  no_delay(fd.get());
  return fd;
}

void send_job(int fd, const Job& job) {
  if (send_some(fd, &job, sizeof job) != sizeof job) give_up_errno("send", errno);
}

void send_byte(int fd) {
  const std::byte byte{0x2a};
  if (send_some(fd, &byte, 1) != 1) give_up_errno("send", errno);
}

void receive_byte(int fd) {  // waits in recv, as a simple program does
  std::byte byte;
  if (::recv(fd, &byte, 1, 0) != 1) give_up("the stream ended, or no echo came, where one was due");
}

// One byte there and back; nanoseconds.
std::int64_t echo_once(int fd) {
  const auto start = now_ns();
  send_byte(fd);
  receive_byte(fd);
  return now_ns() - start;
}

// An echo stream whose first byte is on its way; receive it before anything else.
UniqueFd open_echo_early(const sockaddr_in& target) {
  auto fd = open_stream(target);
  const timeval limit{.tv_sec = kPatience / 1'000'000'000, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  send_job(fd.get(), Job{.kind = Kind::kEcho});
  send_byte(fd.get());
  return fd;
}

UniqueFd open_echo(const sockaddr_in& target) {
  auto fd = open_echo_early(target);
  receive_byte(fd.get());  // now the stream really is open all the way
  return fd;
}

std::int64_t percentile(std::vector<std::int64_t>& sorted_here, double part) {
  std::sort(sorted_here.begin(), sorted_here.end());
  const auto last = static_cast<double>(sorted_here.size() - 1);
  return sorted_here[static_cast<std::size_t>(part * last)];
}

std::vector<std::int64_t> echo_for(int fd, const Options& options) {
  std::vector<std::int64_t> taken;
  const auto end = now_ns() + to_ns(options.seconds);
  do taken.push_back(echo_once(fd));
  while (taken.size() < options.most && now_ns() < end);
  return taken;
}

void print_echoes(const char* mode, std::vector<std::int64_t> taken) {
  const auto count = taken.size();
  std::printf("{\"mode\":\"%s\",\"p50_us\":%.1f,\"p99_us\":%.1f,\"count\":%zu}\n", mode,
              to_us(percentile(taken, 0.5)), to_us(percentile(taken, 0.99)), count);
}

struct BulkStream {
  UniqueFd fd;
  SinkReport counted;
  std::size_t report_bytes = 0;
  bool done = false;
};

// All streams of one direction until each has its count.
class Bulk {
 public:
  explicit Bulk(const Options& options) : up_(options.up), streams_(options.streams) {
    for (auto& stream : streams_) stream.fd = open_stream(options.target);
    job_.kind = up_ ? Kind::kSink : Kind::kSource;
    job_.start = now_ns() + to_ns(options.warm_up);
    job_.end = job_.start + to_ns(options.seconds);
    for (auto& stream : streams_) {
      send_job(stream.fd.get(), job_);
      watch(epoll_, stream.fd.get(), up_ ? EPOLLIN | EPOLLOUT : EPOLLIN, &stream);
    }
  }

  std::int64_t start() const { return job_.start; }
  std::span<const BulkStream> streams() const { return streams_; }

  void run() {
    std::array<epoll_event, 128> events{};
    std::size_t open = streams_.size();
    while (open > 0) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), 20);
      const auto now = now_ns();
      if (now > job_.end + kPatience) give_up("the count of a sink did not come through");
      for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        auto& stream = *static_cast<BulkStream*>(event.data.ptr);
        if (up_)
          push(stream, event.events);
        else
          pull(stream, now);
      }
      if (!up_ && now >= job_.end) return;
      if (up_)
        open = static_cast<std::size_t>(std::ranges::count(streams_, false, &BulkStream::done));
    }
  }

 private:
  void push(BulkStream& stream, std::uint32_t ready) {
    if ((ready & EPOLLOUT) != 0 && send_some(stream.fd.get(), chunk_.data(), chunk_.size()) == -2)
      give_up_errno("a stream broke while sending", errno);
    if ((ready & ~std::uint32_t{EPOLLOUT}) == 0) return;
    auto* bytes = reinterpret_cast<std::byte*>(&stream.counted) + stream.report_bytes;
    const auto count =
        receive_some(stream.fd.get(), bytes, sizeof(SinkReport) - stream.report_bytes);
    if (count == 0 || count == -2) give_up("a stream ended before its sink's count came");
    if (count > 0) stream.report_bytes += static_cast<std::size_t>(count);
    if (stream.report_bytes < sizeof(SinkReport)) return;
    stream.done = true;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, stream.fd.get(), nullptr);
  }

  void pull(BulkStream& stream, std::int64_t now) {
    const auto count = receive_some(stream.fd.get(), chunk_.data(), chunk_.size());
    if (count == 0 || count == -2) give_up("a stream ended while its source was sending");
    if (count < 0) return;
    stream.counted.total += static_cast<std::uint64_t>(count);
    if (now >= job_.start && now < job_.end)
      stream.counted.in_window += static_cast<std::uint64_t>(count);
  }

  bool up_;
  Job job_;
  std::vector<BulkStream> streams_;
  UniqueFd epoll_ = make_epoll();
  Chunk chunk_{};
};

// Many short connections, `concurrency` at once.
class ConnectionLoop {
 public:
  explicit ConnectionLoop(const Options& options) : options_(options) {}

  void run() {
    std::vector<Attempt> attempts(options_.concurrency);
    const auto start = now_ns();
    end_ = start + to_ns(options_.seconds);
    for (auto& attempt : attempts) begin(attempt);
    std::array<epoll_event, 128> events{};
    while (open_ > 0) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), 1000);
      if (now_ns() > end_ + kPatience) give_up("connections hang");
      for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        proceed(*static_cast<Attempt*>(event.data.ptr), event.events);
      }
    }
    const auto seconds = static_cast<double>(now_ns() - start) / 1e9;
    const auto completed = taken_.size();
    std::printf("{\"mode\":\"connections\",\"per_second\":%.0f,\"p50_us\":%.1f,\"count\":%zu}\n",
                static_cast<double>(completed) / seconds, to_us(percentile(taken_, 0.5)),
                completed);
  }

 private:
  struct Attempt {
    UniqueFd fd;
    std::int64_t begun = 0;
    std::size_t echoed = 0;
  };

  void begin(Attempt& attempt) {
    attempt =
        Attempt{.fd = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
                .begun = now_ns()};
    if (!attempt.fd) give_up_errno("socket", errno);
    const auto* target = reinterpret_cast<const sockaddr*>(&options_.target);
    if (::connect(attempt.fd.get(), target, sizeof options_.target) != 0 && errno != EINPROGRESS)
      give_up_errno("connect", errno);
    no_delay(attempt.fd.get());
    watch(epoll_, attempt.fd.get(), EPOLLOUT, &attempt);
    ++open_;
    ++begun_;
  }

  void proceed(Attempt& attempt, std::uint32_t ready) {
    if ((ready & EPOLLOUT) != 0) return speak(attempt);
    std::array<std::byte, kOpenBytes> bytes;
    const auto count = receive_some(attempt.fd.get(), bytes.data(), bytes.size());
    if (count == 0 || count == -2) give_up("a connection was cut before its answer");
    if (count > 0) attempt.echoed += static_cast<std::size_t>(count);
    if (attempt.echoed < kOpenBytes) return;
    taken_.push_back(now_ns() - attempt.begun);
    attempt.fd.reset();
    --open_;
    if (now_ns() < end_ && begun_ < options_.most) begin(attempt);
  }

  void speak(Attempt& attempt) {
    std::array<std::byte, sizeof(Job) + kOpenBytes> bytes{};
    const Job job{.kind = Kind::kEcho};
    std::memcpy(bytes.data(), &job, sizeof job);
    if (send_some(attempt.fd.get(), bytes.data(), bytes.size()) != std::ssize(bytes))
      give_up_errno("a connection failed", errno);
    rewatch(epoll_, attempt.fd.get(), EPOLLIN, &attempt);
  }

  const Options& options_;
  UniqueFd epoll_ = make_epoll();
  std::int64_t end_ = 0;
  std::size_t open_ = 0, begun_ = 0;
  std::vector<std::int64_t> taken_;
};

}  // namespace

sockaddr_in resolve(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) give_up("cannot look '" + host + "' up: " + ::gai_strerror(error));
  sockaddr_in target{};
  std::memcpy(&target, found->ai_addr, sizeof target);
  ::freeaddrinfo(found);
  return target;
}

void measure_throughput(const Options& options) {
  const auto bulk = std::make_unique<Bulk>(options);
  bulk->run();
  std::uint64_t in_window = 0, total = 0, slowest = UINT64_MAX, fastest = 0;
  for (const auto& stream : bulk->streams()) {
    in_window += stream.counted.in_window;
    total += stream.counted.total;
    slowest = std::min(slowest, stream.counted.in_window);
    fastest = std::max(fastest, stream.counted.in_window);
  }
  if (in_window == 0) give_up("nothing arrived in the whole window");
  std::printf(
      "{\"mode\":\"throughput\",\"gb_per_second\":%.4f,\"total_bytes\":%llu,"
      "\"slowest_over_fastest\":%.3f}\n",
      static_cast<double>(in_window) / 1e9 / options.seconds,
      static_cast<unsigned long long>(total),
      static_cast<double>(slowest) / static_cast<double>(fastest));
}

void measure_echo(const Options& options) {
  const auto fd = open_echo(options.target);
  print_echoes("echo", echo_for(fd.get(), options));
}

void measure_echo_beside_bulk(const Options& options) {
  const auto fd = open_echo(options.target);
  auto bulk_options = options;
  bulk_options.seconds += 0.5;  // outlasts the last echo
  const auto bulk = std::make_unique<Bulk>(bulk_options);
  std::atomic<bool> over = false;
  std::jthread mover([&] {
    bulk->run();
    over = true;
  });
  while (now_ns() < bulk->start()) echo_once(fd.get());
  auto taken = echo_for(fd.get(), options);
  if (over) give_up("the bulk stream ended before the echoes did");
  print_echoes("echo_beside_bulk", std::move(taken));
}

void measure_echo_beside_stalled(const Options& options) {
  const auto fd = open_echo(options.target);
  auto alone = echo_for(fd.get(), options);
  std::vector<UniqueFd> stalled;
  while (stalled.size() < options.streams) {
    stalled.push_back(open_stream(options.target));
    const auto never = now_ns() + kPatience;
    send_job(stalled.back().get(), Job{.kind = Kind::kSource, .start = never, .end = never});
  }
  const auto full = now_ns() + to_ns(options.warm_up);  // by then all buffers on the way are
  while (now_ns() < full) echo_once(fd.get());
  auto taken = echo_for(fd.get(), options);
  const auto start = now_ns();
  open_echo(options.target);
  std::printf("{\"mode\":\"stalled\",\"alone_p50_us\":%.1f,\"p50_us\":%.1f,\"open_us\":%.1f}\n",
              to_us(percentile(alone, 0.5)), to_us(percentile(taken, 0.5)),
              to_us(now_ns() - start));
}

void measure_connections(const Options& options) { ConnectionLoop(options).run(); }

void hold_idle(const Options& options) {
  std::vector<UniqueFd> held;
  held.reserve(options.streams);
  const auto start = now_ns();
  while (held.size() < options.streams) {  // many at once: ssh -R needs 44 ms for each alone
    const auto first = held.size();
    const auto next = std::min(options.streams, first + kOpenedTogether);
    while (held.size() < next) held.push_back(open_echo_early(options.target));
    for (auto at = first; at < next; ++at) receive_byte(held[at].get());
  }
  std::printf("{\"mode\":\"idle\",\"streams\":%zu,\"seconds\":%.3f}\n", held.size(),
              static_cast<double>(now_ns() - start) / 1e9);
  std::fflush(stdout);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

}  // namespace culvert::bench
