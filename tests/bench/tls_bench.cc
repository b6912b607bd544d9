// In-process cost of the TLS carrier layer, without kernel: records of both ends, copying. For
// profiling, not for comparing machines. Prints GB/s of one core (every octet is sealed and opened
// on it), the handshake, and what an idle layer holds.
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstring>

#include "tunnel/carrier/tls_layer.h"

using namespace culvert;
using Clock = std::chrono::steady_clock;

namespace {

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Pair {
  std::unique_ptr<carrier::TlsLayer> client, server;
};

void carry(carrier::TlsLayer& from, carrier::TlsLayer& to, MutableBytes buffer,
           MutableBytes& room) {
  const auto pending = from.pending_output();
  const auto wire = buffer.first(std::min(pending.size(), buffer.size()));
  if (wire.empty()) return;
  std::memcpy(wire.data(), pending.data(), wire.size());  // stands for the kernel
  from.output_sent(wire.size());
  (void)to.receive_into(wire, room);
}

Pair connect(carrier::TlsClientContext& client, carrier::TlsServerContext& server,
             const std::string& name) {
  Pair pair{carrier::TlsLayer::client(client, name), carrier::TlsLayer::server(server)};
  ByteVector buffer(64 * 1024);
  MutableBytes nowhere;
  while (!pair.client->established() || !pair.server->established()) {
    carry(*pair.client, *pair.server, buffer, nowhere);
    carry(*pair.server, *pair.client, buffer, nowhere);
  }
  return pair;
}

double gigabytes_per_second(Pair& pair, std::size_t write_size, std::uint64_t total) {
  const ByteVector data(write_size);
  ByteVector buffer(64 * 1024), target(256 * 1024);
  std::uint64_t got = 0;
  const auto start = Clock::now();
  while (got < total) {
    (void)pair.client->write(data).has_value();
    MutableBytes room = target;
    carry(*pair.client, *pair.server, buffer, room);
    got += target.size() - room.size() + pair.server->readable().size();
    pair.server->consumed(pair.server->readable().size());
  }
  return static_cast<double>(got) / 1e9 / seconds_since(start);
}

}  // namespace

int main() {
  SystemRandom random;
  const auto identity = carrier::TlsServerIdentity::self_signed(
      "bench.example", std::chrono::system_clock::now(), random);
  auto client = carrier::TlsClientContext::make({}, random);
  auto server = carrier::TlsServerContext::make(*identity, {}, random);
  auto pair = connect(*client, *server, "bench.example");
  std::printf("%s\n", pair.client->describe().c_str());
  for (const auto size : std::initializer_list<std::size_t>{64 * 1024, 16 * 1024, 1024, 64})
    std::printf("written %6zu octets at a time: %.2f GB/s\n", size,
                gigabytes_per_second(pair, size, size < 1024 ? 100'000'000 : 2'000'000'000));

  constexpr int kPairs = 200;
  std::vector<Pair> idle;
  idle.reserve(kPairs);
  const auto before = mallinfo2().uordblks;
  const auto start = Clock::now();
  for (int i = 0; i < kPairs; ++i) idle.push_back(connect(*client, *server, "bench.example"));
  std::printf("resumed handshake, both ends: %.2f ms\n", seconds_since(start) * 1e3 / kPairs);
  std::printf("an idle layer holds %zu octets\n",
              (mallinfo2().uordblks - before) / (std::size_t{2} * kPairs));
}
