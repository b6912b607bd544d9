#include "tunnel/loop/splice_pipe.h"

#include <fcntl.h>

#include <cassert>
#include <cerrno>
#include <csignal>

namespace culvert::loop {
namespace {

ssize_t splice_some(int from, int to, std::size_t most) {
  while (true) {
    const auto count =
        ::splice(from, nullptr, to, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (count >= 0 || errno != EINTR) return count;
  }
}

}  // namespace

std::unique_ptr<SplicePipe> SplicePipe::open(int capacity) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return nullptr;
  auto pipe = std::make_unique<SplicePipe>();
  pipe->read_end_.reset(ends[0]);
  pipe->write_end_.reset(ends[1]);
  // EPERM beyond fs.pipe-max-size or the pages of this user (fs.pipe-user-pages-soft): then it
  // stays at 64 KiB, or at two slots, and moves less at a time.
  ::fcntl(ends[1], F_SETPIPE_SZ, capacity);
  return pipe;
}

IoResult SplicePipe::fill(int socket, std::size_t most) {
  assert(held_ == 0);
  const auto count = splice_some(socket, write_end_.get(), most);
  if (count == 0) return IoResult::end();
  if (count < 0) {
    const bool other_way = errno == EAGAIN || errno == EINVAL || errno == ENOSYS;
    return other_way ? IoResult::blocked() : IoResult::failed(errno);
  }
  held_ = static_cast<std::size_t>(count);
  return IoResult::moved(held_);
}

IoResult SplicePipe::drain(int socket) {
  assert(held_ > 0);
  const auto count = splice_some(read_end_.get(), socket, held_);
  if (count < 0) return errno == EAGAIN ? IoResult::blocked() : IoResult::failed(errno);
  assert(count > 0);  // 0: an empty pipe, but it holds something
  held_ -= static_cast<std::size_t>(count);
  return IoResult::moved(static_cast<std::size_t>(count));
}

// splice() has no MSG_NOSIGNAL: a peer that resets must not end the process.
SplicePipePool::SplicePipePool(int capacity, std::size_t most) : capacity_(capacity), most_(most) {
  std::signal(SIGPIPE, SIG_IGN);
}

std::unique_ptr<SplicePipe> SplicePipePool::take() {
  if (taken_ == most_) return nullptr;
  std::unique_ptr<SplicePipe> pipe;
  if (pipes_.empty()) {
    pipe = SplicePipe::open(capacity_);
  } else {
    pipe = std::move(pipes_.back());
    pipes_.pop_back();
  }
  if (pipe) ++taken_;
  return pipe;
}

void SplicePipePool::give_back(std::unique_ptr<SplicePipe> pipe) {
  assert(pipe != nullptr && taken_ > 0);
  --taken_;
  if (pipe->held() == 0 && pipes_.size() < kKept) pipes_.push_back(std::move(pipe));
}

}  // namespace culvert::loop
