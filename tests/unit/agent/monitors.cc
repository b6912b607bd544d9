#include "tests/unit/agent/monitors.h"

#include <linux/io_uring.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "tunnel/base/unique_fd.h"

namespace culvert::agent::testing {
namespace {

constexpr short kInterest = POLLIN | POLLOUT | POLLRDHUP;

std::optional<int> poll_once(int fd, short events, int milliseconds) {
  pollfd one{fd, events, 0};
  if (::poll(&one, 1, milliseconds) != 1) return std::nullopt;
  return one.revents;
}

class Poll final : public Monitor {
 public:
  void after_connect(int fd) override { fd_ = fd; }
  std::optional<int> wait(int milliseconds) override {
    return poll_once(fd_, kInterest, milliseconds);
  }

 private:
  int fd_ = -1;
};

class Select final : public Monitor {
 public:
  void after_connect(int fd) override { fd_ = fd; }
  std::optional<int> wait(int milliseconds) override {
    fd_set readable, writable;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(fd_, &readable);
    FD_SET(fd_, &writable);
    timeval limit{milliseconds / 1000, milliseconds % 1000 * 1000};
    if (::select(fd_ + 1, &readable, &writable, nullptr, &limit) <= 0) return std::nullopt;
    return (FD_ISSET(fd_, &readable) ? POLLIN : 0) | (FD_ISSET(fd_, &writable) ? POLLOUT : 0);
  }

 private:
  int fd_ = -1;
};

class Epoll final : public Monitor {
 public:
  Epoll(bool before, bool edge)
      : epoll_(epoll_create1(EPOLL_CLOEXEC)), before_(before), edge_(edge) {}
  void before_connect(int fd) override {
    if (!before_) return;
    add(fd);
    wait(0);  // an unconnected socket shows POLLHUP: seen, as event loops do
  }
  void after_connect(int fd) override {
    if (!before_) add(fd);
  }
  std::optional<int> wait(int milliseconds) override {
    epoll_event event{};
    if (epoll_wait(epoll_.get(), &event, 1, milliseconds) != 1) return std::nullopt;
    return static_cast<int>(event.events & ~static_cast<std::uint32_t>(EPOLLET));
  }

 private:
  void add(int fd) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | (edge_ ? EPOLLET : 0u);
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }
  UniqueFd epoll_;
  bool before_, edge_;
};

class EarlierDup final : public Monitor {
 public:
  void before_connect(int fd) override { dup_.reset(dup(fd)); }
  std::optional<int> wait(int milliseconds) override {
    return poll_once(dup_.get(), kInterest, milliseconds);
  }

 private:
  UniqueFd dup_;
};

class ForkedChild final : public Monitor {
 public:
  ~ForkedChild() override {
    if (child_ > 0) waitpid(child_, nullptr, 0);
  }
  void after_connect(int fd) override {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) return;
    child_ = fork();
    if (child_ == 0) {
      const auto mask = poll_once(fd, kInterest, 10'000).value_or(0);
      _exit(write(ends[1], &mask, sizeof mask) == sizeof mask ? 0 : 1);
    }
    read_.reset(ends[0]);
    close(ends[1]);
  }
  std::optional<int> wait(int milliseconds) override {
    int mask = 0;
    if (!poll_once(read_.get(), POLLIN, milliseconds)) return std::nullopt;
    if (read(read_.get(), &mask, sizeof mask) != sizeof mask) return std::nullopt;
    return mask;
  }

 private:
  pid_t child_ = -1;
  UniqueFd read_;
};

class IoUring final : public Monitor {
 public:
  static std::unique_ptr<Monitor> make() {
    auto ring = std::make_unique<IoUring>();
    if (!ring->fd_) return nullptr;
    return ring;
  }
  IoUring() : fd_(static_cast<int>(syscall(SYS_io_uring_setup, 8, &parameters_))) {
    if (!fd_) return;
    size_ = std::max(parameters_.sq_off.array + parameters_.sq_entries * 4,
                     parameters_.cq_off.cqes + parameters_.cq_entries * 16);
    ring_ = static_cast<std::byte*>(
        mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), IORING_OFF_SQ_RING));
    entry_ =
        static_cast<io_uring_sqe*>(mmap(nullptr, sizeof(io_uring_sqe) * 8, PROT_READ | PROT_WRITE,
                                        MAP_SHARED, fd_.get(), IORING_OFF_SQES));
  }
  ~IoUring() override {
    if (ring_ != nullptr) munmap(ring_, size_);
    if (entry_ != nullptr) munmap(entry_, sizeof(io_uring_sqe) * 8);
  }
  void after_connect(int fd) override {
    *entry_ = {};
    entry_->opcode = IORING_OP_POLL_ADD;
    entry_->fd = fd;
    entry_->poll32_events = static_cast<std::uint32_t>(kInterest);
    at(parameters_.sq_off.array) = 0;
    std::atomic_ref(at(parameters_.sq_off.tail)).fetch_add(1);
    syscall(SYS_io_uring_enter, fd_.get(), 1, 0, 0, nullptr, 0);
  }
  std::optional<int> wait(int milliseconds) override {
    if (!poll_once(fd_.get(), POLLIN, milliseconds)) return std::nullopt;
    return static_cast<int>(at(parameters_.cq_off.cqes + offsetof(io_uring_cqe, res)));
  }

 private:
  std::uint32_t& at(std::uint32_t offset) {
    return *reinterpret_cast<std::uint32_t*>(ring_ + offset);
  }
  io_uring_params parameters_{};
  UniqueFd fd_;
  std::size_t size_ = 0;
  std::byte* ring_ = nullptr;
  io_uring_sqe* entry_ = nullptr;
};

}  // namespace

std::vector<std::string> monitor_names() {
  return {"poll",
          "select",
          "epoll_level_before",
          "epoll_edge_before",
          "epoll_level_after",
          "epoll_edge_after",
          "io_uring",
          "earlier_dup",
          "forked_child"};
}

std::unique_ptr<Monitor> make_monitor(const std::string& name) {
  if (name == "poll") return std::make_unique<Poll>();
  if (name == "select") return std::make_unique<Select>();
  if (name.starts_with("epoll"))
    return std::make_unique<Epoll>(name.ends_with("before"),
                                   name.find("edge") != std::string::npos);
  if (name == "io_uring") return IoUring::make();
  if (name == "earlier_dup") return std::make_unique<EarlierDup>();
  return std::make_unique<ForkedChild>();
}

}  // namespace culvert::agent::testing
