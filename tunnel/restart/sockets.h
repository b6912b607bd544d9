// tunnel/restart/sockets.h: sockets on their way from a process to its successor. They are named by
// what the kernel calls them (SO_COOKIE), which does not change on the way.
#pragma once
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "tunnel/base/unique_fd.h"

namespace culvert::restart {

// Gathers what shall be passed on; borrows every descriptor.
class Outgoing {
 public:
  std::uint64_t add(int fd);  // gives its cookie
  // A connection. If nobody takes it, its end shall be a reset: whoever keeps it for us drops it by
  // close(), and an orderly end would tell the other side that it has got everything.
  std::uint64_t add_connection(int fd);
  const std::vector<int>& internet() const { return internet_; }
  const std::vector<int>& local() const { return local_; }  // unix sockets
  std::size_t size() const { return internet_.size() + local_.size(); }

 private:
  std::vector<int> internet_, local_;
};

// What an earlier process passed on. What is not taken is closed.
class Inherited {
 public:
  Inherited() = default;
  Inherited(Inherited&&) = default;
  Inherited& operator=(Inherited&& other) noexcept;
  ~Inherited() { drop_all(); }

  void add(UniqueFd socket);
  UniqueFd take(std::uint64_t cookie);             // empty: it was not passed
  UniqueFd take_connection(std::uint64_t cookie);  // ends in order again
  std::size_t size() const { return sockets_.size(); }

 private:
  void drop_all();
  std::unordered_map<std::uint64_t, UniqueFd> sockets_;
};

}  // namespace culvert::restart
