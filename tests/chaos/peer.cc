#include "tests/chaos/peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

namespace culvert::chaos {
namespace {

constexpr std::size_t kChunk = 64 * 1024;
constexpr std::uint64_t kPauseOneReadIn = 200;

std::string position(std::uint64_t done, std::uint64_t of) {
  return "after " + std::to_string(done) + " of " + std::to_string(of) + " octets";
}

}  // namespace

std::int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

Peer::Peer(UniqueFd connecting, const Plan& plan)
    : fd_(std::move(connecting)), plan_(plan), client_(true), state_(State::kConnecting) {}

Peer::Peer(UniqueFd accepted) : fd_(std::move(accepted)), client_(false), state_(State::kRunning) {}

void Peer::start() {
  const int on = 1;
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto up = plan_.seed, down = ~plan_.seed;
  out_ = {.way = client_ ? plan_.up : plan_.down, .seed = client_ ? up : down};
  in_ = {.way = client_ ? plan_.down : plan_.up, .seed = client_ ? down : up};
  dice_ = Dice(scramble(out_.seed));
  state_ = State::kRunning;
}

pollfd Peer::interest(std::int64_t now) const {
  int events = 0;
  if (state_ == State::kConnecting || blocked_) events |= POLLOUT;
  if (state_ == State::kRunning && !in_.ended && in_.pause_until <= now) events |= POLLIN;
  return {.fd = fd_.get(), .events = static_cast<short>(events), .revents = 0};
}

std::int64_t Peer::wakes_at() const {
  auto next = INT64_MAX;
  if (state_ == State::kConnecting) return next;
  if (!in_.ended && in_.pause_until != 0) next = std::min(next, in_.pause_until);
  const bool sends = client_ || plan_octets_ == sizeof plan_;
  if (sends && !out_.ended && !blocked_) next = std::min(next, out_.pause_until);
  return next;
}

void Peer::step(std::int64_t now, short events, Totals& totals) {
  if (state_ == State::kConnecting && events != 0) connected(events, totals);
  if (state_ != State::kRunning) return;
  if (!client_ && plan_octets_ < sizeof plan_) {
    if (events != 0) read_plan();
    if (state_ == State::kRunning && plan_octets_ == sizeof plan_) ++totals.opened;
  }
  if (!client_ && plan_octets_ < sizeof plan_) return;
  if (in_.pause_until <= now) in_.pause_until = 0;
  if ((events & ~POLLOUT) != 0 && !in_.ended) receive(now, totals);
  if ((events & POLLOUT) != 0) blocked_ = false;
  if (state_ == State::kRunning && !out_.ended && !blocked_ &&
      (now >= out_.pause_until || hurries(now)))
    send(now, totals);
  if (in_.ended && out_.ended && state_ == State::kRunning) {
    state_ = State::kFinished;
    ++totals.finished;
  }
}

void Peer::connected(short events, Totals& totals) {
  socklen_t size = sizeof connect_error_;
  ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &connect_error_, &size);
  if (connect_error_ == 0 && (events & POLLOUT) == 0) return;
  if (connect_error_ == ECONNRESET) {  // no connect() fails so: it was connected, and then reset
    connect_error_ = 0;
    ++totals.opened;
    return lose("reset as soon as it was connected", totals);
  }
  if (connect_error_ != 0) {
    state_ = State::kLost;
    return;
  }
  ++totals.opened;
  start();
}

void Peer::read_plan() {
  auto* into = reinterpret_cast<std::byte*>(&plan_) + plan_octets_;
  const auto count = ::recv(fd_.get(), into, sizeof plan_ - plan_octets_, MSG_DONTWAIT);
  if (count <= 0) {  // the client counts it
    if (count == 0 || (errno != EAGAIN && errno != EINTR)) state_ = State::kLost;
    return;
  }
  plan_octets_ += static_cast<std::size_t>(count);
  if (plan_octets_ == sizeof plan_) start();
}

void Peer::send(std::int64_t now, Totals& totals) {
  std::array<std::byte, kChunk> chunk;
  if (burst_ == 0) burst_ = dice_.any_size(out_.way.most_at_once);
  if (hurries(now)) burst_ = out_.way.length;  // all of it
  for (;;) {
    const bool plan_first = client_ && plan_octets_ < sizeof plan_;
    const auto left = std::min(burst_, out_.way.length - out_.done);
    std::span<std::byte> octets(chunk.data(), std::min<std::uint64_t>(left, kChunk));
    if (plan_first)
      octets = std::span(reinterpret_cast<std::byte*>(&plan_), sizeof plan_).subspan(plan_octets_);
    else
      fill(out_.seed, out_.done, octets);
    if (octets.empty()) break;
    const auto count = ::send(fd_.get(), octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) {
      blocked_ = errno == EAGAIN || errno == EINTR;
      return blocked_ ? void()
                      : lose(std::string("sending failed, ") + std::strerror(errno) + " " +
                                 position(out_.done, out_.way.length),
                             totals);
    }
    const auto sent = static_cast<std::uint64_t>(count);
    if (plan_first) {
      plan_octets_ += sent;
      continue;
    }
    out_.done += sent;
    burst_ -= sent;
    totals.sent += sent;
  }
  if (out_.done == out_.way.length) {
    ::shutdown(fd_.get(), SHUT_WR);
    out_.ended = true;
    return;
  }
  const auto pause = dice_.below(out_.way.longest_pause_ms + 1);
  out_.pause_until = now + static_cast<std::int64_t>(pause) * kMillisecond;
}

void Peer::receive(std::int64_t now, Totals& totals) {
  static std::array<std::byte, kChunk> chunk, expected;
  const auto count = ::recv(fd_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (count < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    return lose(std::string(std::strerror(errno)) + " " + position(in_.done, in_.way.length),
                totals);
  }
  if (count == 0) {
    if (in_.done != in_.way.length)
      return lose("it ended " + position(in_.done, in_.way.length), totals);
    in_.ended = true;
    return;
  }
  const auto size = static_cast<std::size_t>(count);
  fill(in_.seed, in_.done, std::span(expected).first(size));
  if (std::memcmp(chunk.data(), expected.data(), size) != 0)
    for (std::size_t i = 0; i < size; ++i) totals.wrong += chunk[i] != expected[i];
  in_.done += size;
  totals.received += size;
  if (in_.done > in_.way.length) totals.wrong += in_.done - in_.way.length;
  in_.pause_until = 0;
  if (!hurries(now) && in_.way.longest_pause_ms != 0 && dice_.below(kPauseOneReadIn) == 0)
    in_.pause_until = now + static_cast<std::int64_t>(dice_.below(1000)) * kMillisecond;
}

void Peer::lose(const std::string& why, Totals& totals) {
  if (totals.first_loss.empty()) totals.first_loss = why;
  ++totals.lost;
  state_ = State::kLost;
}

}  // namespace culvert::chaos
