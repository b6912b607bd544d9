// culvert-bench-datagrams: the far and the near program of tests/bench/datagrams.
#include "tests/bench/datagram_load.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <vector>

#include "tests/bench/load_client.h"

namespace culvert::bench {

Batch::Batch() {
  for (std::size_t i = 0; i < kMost; ++i) {
    messages_[i] = {};
    messages_[i].msg_hdr.msg_iov = &pieces_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
}

std::size_t Batch::receive(int fd) {
  for (std::size_t i = 0; i < kMost; ++i) {
    pieces_[i] = {octets_[i].data(), octets_[i].size()};
    messages_[i].msg_hdr.msg_name = &peers_[i];
    messages_[i].msg_hdr.msg_namelen = sizeof peers_[i];
  }
  const int count = ::recvmmsg(fd, messages_.data(), kMost, MSG_WAITFORONE, nullptr);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

void Batch::set(std::size_t i, const std::byte* data, std::size_t size, const sockaddr_in* to) {
  std::memcpy(octets_[i].data(), data, size);
  pieces_[i] = {octets_[i].data(), size};
  if (to != nullptr) peers_[i] = *to;
  messages_[i].msg_hdr.msg_name = to != nullptr ? &peers_[i] : nullptr;
  messages_[i].msg_hdr.msg_namelen = to != nullptr ? sizeof peers_[i] : 0;
}

void Batch::send(int fd, std::size_t count) {
  std::size_t sent = 0;
  while (sent < count) {
    const int now = ::sendmmsg(fd, messages_.data() + sent, static_cast<unsigned>(count - sent), 0);
    if (now <= 0) return;  // what the system has no room for is lost, as UDP is
    sent += static_cast<std::size_t>(now);
  }
}

UniqueFd udp_socket() {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) give_up_errno("socket", errno);
  const int room = 4 << 20;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  return fd;
}

void serve_datagrams(const std::string& address, std::uint16_t port) {
  const auto fd = udp_socket();
  sockaddr_in local = resolve(address, std::to_string(port));
  socklen_t size = sizeof local;
  auto* name = reinterpret_cast<sockaddr*>(&local);
  if (::bind(fd.get(), name, size) != 0 || ::getsockname(fd.get(), name, &size) != 0)
    give_up_errno("bind", errno);
  std::printf("%u\n", unsigned{ntohs(local.sin_port)});
  std::fflush(stdout);
  Batch batch;
  for (;;) {
    const auto count = batch.receive(fd.get());
    for (std::size_t i = 0; i < count; ++i) batch.keep_size(i);
    batch.send(fd.get(), count);
  }
}

namespace {

// RFC 8489 section 5, RFC 8656 section 18.
constexpr std::uint32_t kCookie = 0x2112a442;

void put(std::vector<std::byte>& out, std::uint64_t value, int octets) {
  for (int i = octets - 1; i >= 0; --i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

void ask_turn(int fd, std::uint16_t method, const std::vector<std::byte>& attributes) {
  std::vector<std::byte> message;
  put(message, method, 2);
  put(message, attributes.size(), 2);
  put(message, kCookie, 4);
  put(message, 0x0102030405060708, 8);
  put(message, method, 4);
  message.insert(message.end(), attributes.begin(), attributes.end());
  for (int tries = 0; tries < 20; ++tries) {
    (void)::send(fd, message.data(), message.size(), 0);
    std::array<std::byte, 1500> answer;
    const auto size = ::recv(fd, answer.data(), answer.size(), 0);
    if (size < 20 || std::memcmp(answer.data() + 4, message.data() + 4, 16) != 0) continue;
    const auto type =
        std::to_integer<unsigned>(answer[0]) << 8 | std::to_integer<unsigned>(answer[1]);
    if (type == (method | 0x100u)) return;
    give_up("the TURN server refuses method " + std::to_string(method));
  }
  give_up("the TURN server does not answer");
}

struct Asked {
  sockaddr_in target{}, server{};
  bool turn = false;
  std::size_t size = 200, window = 128;
  double seconds = 1, warm_up = 0.3;
};

// As many as come back go out again, so that nothing queues for long and little is lost; what is
// lost is replaced when nothing came for a while.
void measure_datagrams(const Asked& asked) {
  const auto fd = udp_socket();
  const auto& to = asked.turn ? asked.server : asked.target;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    give_up_errno("connect", errno);
  timeval pause{.tv_sec = 0, .tv_usec = 100'000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof pause);
  std::vector<std::byte> payload;
  if (asked.turn) {
    open_channel(fd.get(), asked.target);
    put(payload, kChannel, 2);
    put(payload, asked.size, 2);
  }
  payload.resize(payload.size() + asked.size, std::byte{0x2a});
  Batch in, out;
  for (std::size_t i = 0; i < Batch::kMost; ++i)
    out.set(i, payload.data(), payload.size(), nullptr);
  const auto refill = [&](std::size_t count) {
    for (; count > 0; count -= std::min(count, Batch::kMost))
      out.send(fd.get(), std::min(count, Batch::kMost));
  };
  refill(asked.window);
  const auto start = now_ns() + static_cast<std::int64_t>(asked.warm_up * 1e9);
  const auto end = start + static_cast<std::int64_t>(asked.seconds * 1e9);
  std::uint64_t back = 0, all = 0, refilled = 0;
  for (auto now = now_ns(); now < end; now = now_ns()) {
    const auto count = in.receive(fd.get());
    if (count == 0) {
      refilled += asked.window;
      refill(asked.window);
      continue;
    }
    all += count;
    if (now >= start) back += count;
    refill(count);
  }
  if (all == 0) give_up("no datagram came back");
  std::printf(R"({"per_second": %.0f, "total": %llu, "lost": %llu})"
              "\n",
              static_cast<double>(back) / asked.seconds, static_cast<unsigned long long>(all),
              static_cast<unsigned long long>(refilled));
}

}  // namespace

void open_channel(int fd, const sockaddr_in& peer) {
  std::vector<std::byte> transport;
  put(transport, 0x0019, 2);
  put(transport, 4, 2);
  put(transport, 17u << 24, 4);
  ask_turn(fd, 0x0003, transport);
  std::vector<std::byte> channel;
  put(channel, 0x000c, 2);
  put(channel, 4, 2);
  put(channel, std::uint32_t{kChannel} << 16, 4);
  put(channel, 0x0012, 2);
  put(channel, 8, 2);
  put(channel, 1, 2);
  put(channel, ntohs(peer.sin_port) ^ (kCookie >> 16), 2);
  put(channel, ntohl(peer.sin_addr.s_addr) ^ kCookie, 4);
  ask_turn(fd, 0x0009, channel);
}

}  // namespace culvert::bench

int main(int argc, char** argv) {
  using namespace culvert::bench;
  const auto number = [](const char* text) {
    double value = 0;
    const auto* end = text + std::strlen(text);
    if (std::from_chars(text, end, value).ptr != end || value < 0 || value > 1e6)
      give_up(std::string("a number is wanted, not '") + text + "'");
    return value;
  };
  if (argc == 4 && std::strcmp(argv[1], "serve") == 0)
    serve_datagrams(argv[2], static_cast<std::uint16_t>(number(argv[3])));
  Asked asked;
  int at = 1;
  for (; at + 3 < argc; at += 2) {
    const std::string option = argv[at];
    if (option == "--size")
      asked.size = static_cast<std::size_t>(number(argv[at + 1]));
    else if (option == "--window")
      asked.window = static_cast<std::size_t>(number(argv[at + 1]));
    else if (option == "--seconds")
      asked.seconds = number(argv[at + 1]);
    else if (option == "--warm-up")
      asked.warm_up = number(argv[at + 1]);
    else if (option == "--turn") {
      const std::string server = argv[at + 1];
      const auto colon = server.find(':');
      if (colon == std::string::npos) give_up("--turn wants ADDRESS:PORT");
      asked.turn = true;
      asked.server = resolve(server.substr(0, colon), server.substr(colon + 1));
    } else
      give_up("'" + option + "' is not an option");
  }
  if (at + 2 != argc || asked.size < 1 || asked.size > 1400)
    give_up(
        "usage: culvert-bench-datagrams serve ADDRESS PORT | [--size OCTETS] [--window N] "
        "[--seconds S] [--warm-up S] [--turn ADDRESS:PORT] HOST PORT");
  asked.target = resolve(argv[at], argv[at + 1]);
  measure_datagrams(asked);
}
