#include "tests/bench/load_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <thread>
#include <unordered_set>

#include "tests/bench/job.h"

namespace culvert::bench {
namespace {

constexpr int kSweepMs = 5;  // how late a sink that receives nothing more may report

struct Client {
  UniqueFd fd;
  Job job;
  std::size_t job_bytes = 0;  // received of `job`
  SinkReport counted;
  bool reported = false;
};

// Sources and sinks. Clients arrive from the other thread through epoll_ctl, which the kernel
// serialises; afterwards they belong to this thread alone.
class BulkThread {
 public:
  // Owns the client from here on.
  void take(std::unique_ptr<Client> client) {
    auto* owned = client.release();
    const auto events = owned->job.kind == Kind::kSource ? EPOLLOUT : EPOLLIN;
    watch(epoll_, owned->fd.get(), events, owned);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int count =
          ::epoll_wait(epoll_.get(), events.data(), events.size(), sinks_.empty() ? -1 : kSweepMs);
      for (const auto& event :
           std::span(events).first(static_cast<std::size_t>(std::max(count, 0))))
        serve_one(static_cast<Client*>(event.data.ptr));
      const auto now = now_ns();
      for (auto* client : sinks_) report(*client, now);
    }
  }

 private:
  void serve_one(Client* client) {
    const bool alive = client->job.kind == Kind::kSource ? send_more(*client) : drain(*client);
    if (alive) return;
    sinks_.erase(client);
    delete client;  // taken over in take()
  }

  bool send_more(const Client& client) {
    return send_some(client.fd.get(), chunk_.data(), chunk_.size()) != -2;
  }

  bool drain(Client& client) {
    sinks_.insert(&client);
    const auto count = receive_some(client.fd.get(), chunk_.data(), chunk_.size());
    if (count == 0 || count == -2) return false;
    if (count < 0) return true;
    const auto now = now_ns();
    const auto bytes = static_cast<std::uint64_t>(count);
    client.counted.total += bytes;
    if (now >= client.job.start && now < client.job.end) client.counted.in_window += bytes;
    return true;
  }

  static void report(Client& client, std::int64_t now) {
    if (client.reported || now < client.job.end) return;
    client.reported = true;  // nothing else goes this way: 16 octets always fit
    (void)send_some(client.fd.get(), &client.counted, sizeof client.counted);
  }

  UniqueFd epoll_ = make_epoll();
  Chunk chunk_{};
  std::unordered_set<Client*> sinks_;
};

class EchoThread {
 public:
  EchoThread(UniqueFd listener, BulkThread& bulk) : listener_(std::move(listener)), bulk_(bulk) {
    watch(epoll_, listener_.get(), EPOLLIN, nullptr);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
      for (const auto& event :
           std::span(events).first(static_cast<std::size_t>(std::max(count, 0)))) {
        if (event.data.ptr == nullptr)
          accept_all();
        else
          serve_one(static_cast<Client*>(event.data.ptr));
      }
    }
  }

 private:
  void accept_all() {
    for (;;) {
      UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!fd) return;
      no_delay(fd.get());
      auto client = std::make_unique<Client>();
      const int number = fd.get();
      client->fd = std::move(fd);
      watch(epoll_, number, EPOLLIN, client.release());
    }
  }

  void serve_one(Client* raw) {
    std::unique_ptr<Client> client(raw);
    if (client->job_bytes < sizeof(Job)) {
      if (!read_job(*client)) return;
      if (client->job_bytes == sizeof(Job) && client->job.kind != Kind::kEcho) {
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, client->fd.get(), nullptr);
        bulk_.take(std::move(client));
        return;
      }
    }
    if (client->job_bytes == sizeof(Job) && !echo(*client)) return;
    (void)client.release();  // lives on in the epoll tag
  }

  static bool read_job(Client& client) {
    std::array<std::byte, sizeof(Job)> bytes;
    std::memcpy(bytes.data(), &client.job, sizeof(Job));
    const auto count = receive_some(client.fd.get(), bytes.data() + client.job_bytes,
                                    sizeof(Job) - client.job_bytes);
    if (count == 0 || count == -2) return false;
    if (count > 0) client.job_bytes += static_cast<std::size_t>(count);
    std::memcpy(&client.job, bytes.data(), sizeof(Job));
    return true;
  }

  // The client waits for each echo before it sends on, so the answer always fits.
  static bool echo(const Client& client) {
    std::array<std::byte, 4096> bytes;
    const auto count = receive_some(client.fd.get(), bytes.data(), bytes.size());
    if (count == -1) return true;
    return count > 0 &&
           send_some(client.fd.get(), bytes.data(), static_cast<std::size_t>(count)) == count;
  }

  UniqueFd epoll_ = make_epoll();
  UniqueFd listener_;
  BulkThread& bulk_;
};

UniqueFd listen_on(const std::string& address, std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &local.sin_addr) != 1)
    give_up("'" + address + "' is not an IPv4 address");
  socklen_t size = sizeof local;
  auto* name = reinterpret_cast<sockaddr*>(&local);
  if (!fd || ::bind(fd.get(), name, size) != 0 || ::listen(fd.get(), SOMAXCONN) != 0 ||
      ::getsockname(fd.get(), name, &size) != 0)
    give_up_errno("cannot listen on " + address, errno);
  std::printf("%u\n", unsigned{ntohs(local.sin_port)});
  std::fflush(stdout);
  return fd;
}

}  // namespace

void serve(const std::string& address, std::uint16_t port) {
  auto bulk = std::make_unique<BulkThread>();
  std::thread([&bulk] { bulk->run(); }).detach();
  EchoThread(listen_on(address, port), *bulk).run();
}

}  // namespace culvert::bench
