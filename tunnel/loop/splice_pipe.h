// tunnel/loop/splice_pipe.h: a pipe of the kernel, through which octets go from socket to socket
// without a copy, and a pool of them. Knows nothing of who joins what; one thread.
//
// A pipe is two descriptors, and what it holds is memory of the kernel that no limit of this
// process counts: so it is taken when there is something to move and given back empty.
#pragma once
#include <memory>
#include <vector>

#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/byte_pipe.h"

namespace culvert::loop {

class SplicePipe {
 public:
  // Capacity asked for. Slots count, not octets: each fragment of a packet takes one, so a pipe of
  // 256 slots can be full with much less.
  static constexpr int kCapacity = 1 << 20;

  // Null: no descriptors left (EMFILE, ENFILE).
  static std::unique_ptr<SplicePipe> open(int capacity = kCapacity);

  // Into an empty pipe only: in a pipe that holds something EAGAIN could as well mean that its
  // slots are used up, and the wake-up to wait for would be another.
  //
  // kBlocked: nothing could be spliced. That is not yet "nothing to read": splice() stops in front
  // of an urgent octet, and some kernels splice no sockets. read() can tell.
  IoResult fill(int socket, std::size_t most);
  IoResult drain(int socket);
  std::size_t held() const { return held_; }

 private:
  UniqueFd read_end_, write_end_;
  std::size_t held_ = 0;
};

class SplicePipePool {
 public:
  static constexpr std::size_t kKept = 4;  // as a rule one is in use, for the length of a move

  // Handed out at a time, so that directions that are stuck leave descriptors to accept() and the
  // kernel its memory. 64 of 1 MiB are what it gives an ordinary user (fs.pipe-user-pages-soft);
  // beyond that a pipe has two slots, and copying is cheaper.
  static constexpr std::size_t kMost = 60;

  // `most`: where there are several in the process, a part of kMost.
  explicit SplicePipePool(int capacity = SplicePipe::kCapacity, std::size_t most = kMost);
  std::unique_ptr<SplicePipe> take();                // null: copy instead
  void give_back(std::unique_ptr<SplicePipe> pipe);  // what it holds is dropped
  std::size_t kept() const { return pipes_.size(); }

 private:
  const int capacity_;
  const std::size_t most_;
  std::size_t taken_ = 0;
  std::vector<std::unique_ptr<SplicePipe>> pipes_;
};

}  // namespace culvert::loop
