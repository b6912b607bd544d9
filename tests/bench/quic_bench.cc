// What a carrier costs on loopback, both ends in this process: QUIC over a UDP socket against a TCP
// socket, one behind the other in each round, so that a loaded machine spoils both alike. Prints
// megabytes for each second of CPU, not of time.
//   culvert-bench-quic [MB in each round] [rounds] [tcp | reno | cubic | bbr | bbr2]
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tunnel/base/heap.h"
#include "tunnel/loop/tcp_socket.h"
#include "tunnel/quic/quic_pipe.h"
#include "tunnel/quic/udp_channel.h"

using namespace culvert;
using loop::IoResult;
using quic::Connection;

namespace {

constexpr std::size_t kPiece = 64 * 1024;

struct Pipes {
  std::unique_ptr<loop::BytePipe> near, far;
};

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

socklen_t bind_somewhere(int fd, sockaddr_storage& at) {
  auto length = SocketAddress{IpAddress::v4(INADDR_LOOPBACK), 0}.fill(at);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&at), length) != 0) give_up("bind");
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &length);
  return length;
}

Pipes tcp_pipes(loop::Loop& loop) {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  UniqueFd near(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage at{};
  const auto length = bind_somewhere(listener.get(), at);
  if (::listen(listener.get(), 1) != 0 ||
      ::connect(near.get(), reinterpret_cast<sockaddr*>(&at), length) != 0)
    give_up("connect");
  UniqueFd far(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  loop::tune_carrier(near.get());
  loop::tune_carrier(far.get());
  return {std::make_unique<loop::TcpSocket>(loop, std::move(near)),
          std::make_unique<loop::TcpSocket>(loop, std::move(far))};
}

Pipes quic_pipes(loop::Loop& loop, Connection::Congestion congestion) {
  static SystemRandom random;
  auto near = loop::make_udp_socket(AF_INET), far = loop::make_udp_socket(AF_INET);
  sockaddr_storage near_at{}, far_at{};
  const auto length = bind_somewhere(near.get(), near_at);
  bind_somewhere(far.get(), far_at);
  if (::connect(near.get(), reinterpret_cast<sockaddr*>(&far_at), length) != 0 ||
      ::connect(far.get(), reinterpret_cast<sockaddr*>(&near_at), length) != 0)
    give_up("connect");
  Connection::Settings settings;
  settings.random = &random;
  settings.congestion = congestion;
  auto client = quic::QuicPipe::make(loop, settings,
                                     std::make_unique<quic::UdpChannel>(loop, std::move(near)));
  settings.role = Connection::Role::kServer;
  auto server = quic::QuicPipe::make(loop, settings,
                                     std::make_unique<quic::UdpChannel>(loop, std::move(far)));
  if (!client || !server) give_up("QUIC");
  return {*std::move(client), *std::move(server)};
}

struct Reader final : loop::BytePipe::Listener {
  explicit Reader(loop::BytePipe& from) : pipe(from) {
    pipe.set_listener(this);
    pipe.set_interest(true, false);
  }
  void on_readable() override {
    const auto got = pipe.read(room);
    if (got.state == IoResult::State::kMoved) octets += got.count;
    if (got.state == IoResult::State::kFailed) give_up("read");
  }
  void on_writable() override {}
  void on_broken(int) override { give_up("broken"); }
  loop::BytePipe& pipe;
  ByteVector room = ByteVector(4 * kPiece);
  std::uint64_t octets = 0;
};

struct Writer final : loop::BytePipe::Listener {
  Writer(loop::BytePipe& to, std::uint64_t total) : pipe(to), left(total) {
    pipe.set_listener(this);
    pipe.set_interest(false, true);
  }
  void on_readable() override {}
  void on_writable() override {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(left, data.size()));
    const auto put = pipe.write(Bytes{data}.first(most));
    if (put.state == IoResult::State::kMoved) left -= put.count;
    if (left == 0) pipe.set_interest(false, false);
  }
  void on_broken(int) override { give_up("broken"); }
  loop::BytePipe& pipe;
  std::uint64_t left;
  ByteVector data = ByteVector(kPiece);
};

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double megabytes_per_cpu_second(const std::string& carrier, std::uint64_t total) {
  loop::Loop loop;
  auto pipes = carrier == "tcp"     ? tcp_pipes(loop)
               : carrier == "reno"  ? quic_pipes(loop, Connection::Congestion::kReno)
               : carrier == "cubic" ? quic_pipes(loop, Connection::Congestion::kCubic)
               : carrier == "bbr"   ? quic_pipes(loop, Connection::Congestion::kBbr)
                                    : quic_pipes(loop, Connection::Congestion::kBbr2);
  const auto begun = cpu_seconds();
  Reader reader(*pipes.far);
  Writer writer(*pipes.near, total);
  while (reader.octets < total) loop.run_once();
  const auto spent = cpu_seconds() - begun;
  if (const auto* quic = dynamic_cast<quic::QuicPipe*>(pipes.near.get())) {
    const auto facts = quic->connection().facts();
    std::printf("    %-6s round trip %.0f us, window %zu, datagram %zu, lost %zu\n",
                carrier.c_str(), static_cast<double>(facts.round_trip.count()) / 1e3, facts.window,
                facts.datagram, facts.lost);
  }
  return static_cast<double>(total) / 1e6 / spent;
}

}  // namespace

int main(int count, char** words) {
  if (sodium_init() < 0) return 1;
  keep_freed_heap();
  const auto total = (count > 1 ? std::strtoull(words[1], nullptr, 10) : 200) * 1'000'000;
  const int rounds = count > 2 ? std::atoi(words[2]) : 5;
  std::vector<std::string> carriers{"tcp", "cubic", "bbr2"};
  if (count > 3) carriers = {words[3]};
  for (int round = 0; round < rounds; ++round)
    for (const auto& carrier : carriers)
      std::printf("round %d %-6s %8.0f MB per CPU second\n", round + 1, carrier.c_str(),
                  megabytes_per_cpu_second(carrier, total));
}
