#include "tunnel/loop/poller.h"

#include <array>
#include <cassert>
#include <cerrno>
#include <new>
#include <utility>

namespace culvert::loop {

namespace {

constexpr std::uint64_t kLibuv = ~std::uint64_t{0};  // no descriptor has this number

// Places are reserved for so many descriptors with the first that is watched: pages that nobody
// touches cost nothing, but a table that grows leaves holes of its former sizes behind (measured:
// 16 octets for each idle stream).
constexpr std::size_t kPlacesReserved = 65'536;

}  // namespace

Poller::Poller(uv_loop_t* loop)
    : loop_(loop),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      check_(make_handle<uv_check_t>(this, uv_check_init, loop)) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kLibuv;
  if (!epoll_ || check_ == nullptr ||
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, uv_backend_fd(loop), &event) != 0)
    throw std::bad_alloc();
  uv_check_start(check_.get(), Callback<&Poller::on_check>::call);
  uv_unref(reinterpret_cast<uv_handle_t*>(check_.get()));
}

Poller::~Poller() { assert(watched_ == 0 && "a descriptor's watcher outlived its loop"); }

bool Poller::tell_kernel(int operation, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = std::uint64_t{place_of(fd).generation} << 32 | static_cast<std::uint32_t>(fd);
  return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
}

void Poller::watch(int fd, std::uint32_t events, Watcher& watcher) {
  const auto index = static_cast<std::size_t>(fd);
  if (places_.empty()) places_.reserve(kPlacesReserved);
  if (index >= places_.size()) places_.resize(index + 1);
  auto& place = places_[index];
  assert(place.watcher == nullptr);
  place.watcher = &watcher;
  ++place.generation;
  // The first fails where the descriptor was closed since, and this is another of the same number;
  // ADD where it was closed, but a duplicate kept its socket open, and has its number now.
  const bool known = place.known_to_kernel && tell_kernel(EPOLL_CTL_MOD, fd, events);
  if (!known && !tell_kernel(EPOLL_CTL_ADD, fd, events) && !tell_kernel(EPOLL_CTL_MOD, fd, events))
    throw std::bad_alloc();
  place.known_to_kernel = true;
  if (watched_++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(check_.get()));
}

void Poller::change(int fd, std::uint32_t events) {
  assert(place_of(fd).watcher != nullptr);
  [[maybe_unused]] const bool known = tell_kernel(EPOLL_CTL_MOD, fd, events);
  assert(known);
}

void Poller::let_go(int fd) {
  assert(place_of(fd).watcher != nullptr);
  cancel_again(fd);
  place_of(fd).watcher = nullptr;
  if (--watched_ == 0) uv_unref(reinterpret_cast<uv_handle_t*>(check_.get()));
}

void Poller::forget(int fd) {
  let_go(fd);
  place_of(fd).known_to_kernel = false;
}

// Nothing is said to the kernel: mostly another watcher takes over at once, or it is closed. Its
// next event, if there is one, is what ends the watching.
void Poller::unwatch(int fd) { let_go(fd); }

void Poller::disown(int fd) {
  forget(fd);
  tell_kernel(EPOLL_CTL_DEL, fd, 0);
}

void Poller::call_again(int fd) {
  auto& place = place_of(fd);
  if (!std::exchange(place.again, true)) ++again_count_;
  if (!std::exchange(place.queued, true)) again_.push_back(fd);
}

void Poller::cancel_again(int fd) {
  if (std::exchange(place_of(fd).again, false)) --again_count_;
}

bool Poller::poll(int milliseconds) {
  std::array<epoll_event, kBatch> batch;
  const int timeout = again_count_ > 0 ? 0 : milliseconds;
  const int count = ::epoll_wait(epoll_.get(), batch.data(), kBatch, timeout);
  uv_update_time(loop_);
  bool libuv = false;
  for (int i = 0; i < count; ++i) libuv |= tell(batch[static_cast<std::size_t>(i)]);
  call_all();
  return libuv;
}

void Poller::run_libuv() {
  runs_libuv_ = true;
  uv_run(loop_, UV_RUN_NOWAIT);
  runs_libuv_ = false;
}

void Poller::on_check() {
  if (!runs_libuv_) poll(0);
}

bool Poller::tell(const epoll_event& event) {
  if (event.data.u64 == kLibuv) return true;
  const auto fd = static_cast<int>(event.data.u64 & 0xffff'ffff);
  auto& place = place_of(fd);
  if (place.generation != event.data.u64 >> 32) return false;
  if (place.watcher != nullptr)
    place.watcher->on_events(event.events);
  else if (std::exchange(place.known_to_kernel, false))
    tell_kernel(EPOLL_CTL_DEL, fd, 0);
  return false;
}

// Each once: those who want to be called again meanwhile have their turn after everybody else's.
void Poller::call_all() {
  auto now = std::exchange(again_, {});
  for (const int fd : now) {
    auto& place = place_of(fd);
    place.queued = false;
    if (!place.again) continue;
    cancel_again(fd);
    place.watcher->on_again();
  }
  now.clear();
  if (again_.empty()) again_.swap(now);  // keeps the room
}

}  // namespace culvert::loop
