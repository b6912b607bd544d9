// Datagrams that a connection is handed. The first octet chooses: to a server without a client, to
// a client without a server, or between two that stand, where each step of three octets says what
// becomes of the next datagram: passed, lost, damaged, cut, repeated, or preceded by raw octets of
// the input. What is read must be what was written, in order.
#include <sodium.h>

#include <cstdlib>
#include <deque>
#include <random>

#include "tunnel/quic/connection.h"

using namespace culvert;
using quic::Connection;

namespace {

class Repeatable final : public Random {
 public:
  void fill(MutableBytes out) override {
    for (auto& octet : out) octet = static_cast<std::byte>(engine_());
  }

 private:
  std::mt19937 engine_{1};
};

TimePoint at{std::chrono::hours{1}};

std::unique_ptr<Connection> make(Random& random, Connection::Role role) {
  Connection::Settings settings;
  settings.role = role;
  settings.random = &random;
  auto made = Connection::make(settings, at);
  if (!made) abort();
  return *std::move(made);
}

std::deque<ByteVector> output_of(Connection& from) {
  std::deque<ByteVector> all;
  for (auto batch = from.pack(at); !batch.empty(); batch = from.pack(at))
    for (const auto& one : batch) all.emplace_back(one.begin(), one.end());
  return all;
}

struct Flow {
  Connection& from;
  Connection& to;
  std::uint8_t written = 0, read = 0;

  void step() {
    if (from.room() > 0) {
      ByteVector data(100);
      for (auto& octet : data) octet = std::byte{written++};
      written = static_cast<std::uint8_t>(written - 100 + static_cast<int>(from.write(data)));
    }
    ByteVector room(64);
    while (const auto count = to.read(room))
      for (std::size_t i = 0; i < count; ++i)
        if (room[i] != std::byte{read++}) abort();
  }
};

void between(Connection& client, Connection& server, Bytes in) {
  Flow up{client, server}, down{server, client};
  while (in.size() >= 3 && client.failure() == nullptr && server.failure() == nullptr) {
    const auto what = std::to_integer<unsigned>(in[0]), where = std::to_integer<unsigned>(in[1]),
               value = std::to_integer<unsigned>(in[2]);
    in = in.subspan(3);
    up.step();
    down.step();
    at += std::chrono::milliseconds{what >> 4};
    auto& from = where % 2 != 0 ? client : server;
    auto& to = where % 2 != 0 ? server : client;
    for (auto& datagram : output_of(from)) {
      if (what % 8 == 0) continue;
      if (what % 8 == 1) datagram[where * 7 % datagram.size()] ^= static_cast<std::byte>(value);
      if (what % 8 == 2) datagram.resize(where * 7 % datagram.size());
      if (what % 8 == 3) to.receive(datagram, at);
      if (what % 8 == 4) {
        const auto raw = in.first(std::min<std::size_t>(in.size(), value));
        to.receive(raw, at);
        in = in.subspan(raw.size());
      }
      to.receive(datagram, at);
    }
    from.tick(at);
    to.tick(at);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  if (sodium_init() < 0) abort();
  Repeatable random;
  const auto in = std::as_bytes(std::span{data, size}).subspan(1);
  if (data[0] % 4 == 0) {
    auto server = make(random, Connection::Role::kServer);
    server->receive(in, at);
    if (!server->pack(at).empty()) abort();  // nobody has the key
    return 0;
  }
  auto client = make(random, Connection::Role::kClient);
  if (data[0] % 4 == 1) {
    output_of(*client);
    client->receive(in, at);
    output_of(*client);
    return 0;
  }
  auto server = make(random, Connection::Role::kServer);
  if (data[0] % 4 == 2)  // from the beginning; else: once they stand
    return between(*client, *server, in), 0;
  client->write(as_bytes("x"));
  for (int i = 0; i < 6; ++i) {
    for (const auto& one : output_of(*client)) server->receive(one, at);
    for (const auto& one : output_of(*server)) client->receive(one, at);
  }
  ByteVector room(1);
  if (server->read(room) != 1) abort();
  between(*client, *server, in);
  return 0;
}
