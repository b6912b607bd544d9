#include "tests/link/link.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <sstream>
#include <utility>

namespace culvert::link {
namespace {

constexpr std::size_t kHeldInAll = std::size_t{1} << 30;

UniqueFd bind_to(const SocketAddress& at) {
  sockaddr_storage address{};
  const auto size = at.fill(address);
  UniqueFd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return {};
  return fd;
}

}  // namespace

Link::Link(int epoll, const SocketAddress& target, const Shape& shape)
    : epoll_(epoll), target_(target), shape_(shape) {}

std::uint16_t Link::listen(const SocketAddress& at) {
  reservation_ = bind_to(at);
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* name = reinterpret_cast<sockaddr*>(&address);
  if (!reservation_ || ::getsockname(reservation_.get(), name, &size) != 0) return 0;
  at_ = SocketAddress::from(name);
  return open_listener() ? at_.port : std::uint16_t{0};
}

bool Link::open_listener() {
  listener_ = bind_to(at_);
  if (!listener_ || ::listen(listener_.get(), SOMAXCONN) != 0) return false;
  epoll_event event{.events = EPOLLIN, .data = {.ptr = static_cast<Watched*>(this)}};
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_.get(), &event) == 0;
}

void Link::on_events(std::uint32_t) { knocked_ = true; }

void Link::accept_all(TimePoint now) {
  knocked_ = false;
  for (;;) {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    connections_.push_back(
        std::make_unique<Connection>(++stats_.ever, epoll_, std::move(fd), now, shape_));
    if (mode_ == Mode::kBlackHole) connections_.back()->swallow();
  }
}

void Link::step(TimePoint now) {
  if (knocked_) accept_all(now);
  if (mode_ == Mode::kStalled) return;
  std::size_t held = 0;
  for (const auto& connection : connections_) held += connection->held();
  shape_.crowded = held >= kHeldInAll;
  if (connections_.empty()) return;
  std::rotate(connections_.begin(), connections_.begin() + 1, connections_.end());  // take turns
  std::erase_if(connections_,
                [&](const auto& connection) { return !connection->step(now, target_, stats_); });
}

TimePoint Link::next_step(TimePoint now) const {
  auto next = TimePoint::max();
  if (mode_ == Mode::kStalled) return next;
  for (const auto& connection : connections_) next = std::min(next, connection->next_step(now));
  return next;
}

void Link::enter(Mode mode) {
  if (mode == Mode::kBlackHole)
    for (const auto& connection : connections_) connection->swallow();
  if (mode == Mode::kRefusing)
    listener_.reset();
  else if (!listener_)
    open_listener();
  mode_ = mode;
}

std::size_t Link::reset(std::uint64_t number) {
  const auto count = std::erase_if(connections_, [&](const auto& connection) {
    if (number != 0 && connection->number() != number) return false;
    connection->reset();
    return true;
  });
  stats_.resets += count;
  return count;
}

std::string Link::change_shape(const std::string& arguments) {
  return read_shape(arguments, shape_) ? "ok" : "error: shape DELAY_MS [RATE_MBIT [QUEUE_KIB]]";
}

std::string Link::stats() const {
  std::ostringstream out;
  std::size_t held = 0;
  std::vector<std::uint64_t> numbers;
  for (const auto& connection : connections_) {
    held += connection->held();
    numbers.push_back(connection->number());
  }
  std::sort(numbers.begin(), numbers.end());
  out << "{\"now\":" << numbers.size() << ",\"ever\":" << stats_.ever
      << ",\"resets\":" << stats_.resets << ",\"up\":" << stats_.up << ",\"down\":" << stats_.down
      << ",\"held\":" << held << ",\"open\":[";
  const char* separator = "";
  for (const auto number : numbers) out << std::exchange(separator, ",") << number;
  out << "]}";
  return out.str();
}

std::string Link::command(const std::string& line, TimePoint now) {
  accept_all(now);  // who connected before a command meets the link as it was before it
  std::istringstream words(line);
  std::string word;
  std::uint64_t number = 0;
  words >> word;
  if (word == "stats") return stats();
  if (word == "stall") return enter(Mode::kStalled), "ok";
  if (word == "go" || word == "open") return enter(Mode::kOpen), "ok";
  if (word == "blackhole") return enter(Mode::kBlackHole), "ok";
  if (word == "refuse") return enter(Mode::kRefusing), "ok";
  if (word == "reset") {
    words >> number;
    const auto count = reset(words ? number : 0);
    return "ok " + std::to_string(count);
  }
  if (word == "drop-after" && words >> number) {
    shape_.drop_after = number;
    return "ok";
  }
  std::string rest;
  if (word == "shape" && std::getline(words, rest)) return change_shape(rest);
  return "error: there is no command '" + line + "'";
}

bool read_shape(const std::string& text, Shape& shape) {
  std::istringstream words(text);
  double milliseconds = 0, megabits = 0, kibibytes = 0;
  if (!(words >> milliseconds) || milliseconds < 0) return false;
  if (!(words >> megabits)) megabits = 0;
  if (!(words >> kibibytes)) kibibytes = 0;
  shape.delay = Duration{static_cast<std::int64_t>(milliseconds * 1e6)};
  for (Bottleneck* way : {&shape.up, &shape.down})
    way->set_limits(static_cast<std::uint64_t>(megabits * 1e6),
                    static_cast<std::size_t>(kibibytes * 1024));
  return true;
}

}  // namespace culvert::link
