// tests/link/endpoint.h: one socket of a connection through the link, watched edge-triggered: what
// epoll has said stays true until a call says otherwise.
#pragma once
#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::link {

// What epoll points to.
class Watched {
 public:
  virtual void on_events(std::uint32_t events) = 0;

 protected:
  ~Watched() = default;  // never owned through this interface
};

class Endpoint final : public Watched {
 public:
  explicit Endpoint(int epoll) : epoll_(epoll) {}
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  void take(UniqueFd connected);
  bool dial(const SocketAddress& to);  // false: refused at once
  bool open() const { return static_cast<bool>(fd_); }

  // Octets; 0 in order at the end (FIN); -1: nothing now; -2: reset.
  std::ptrdiff_t receive(MutableBytes into);
  std::ptrdiff_t send(std::span<iovec> pieces);  // -1, -2 as above
  void end_sending();
  void reset();  // the peer sees RST
  void close() { fd_.reset(); }

  bool readable() const { return open() && readable_; }
  bool writable() const { return open() && writable_; }
  bool hung() const { return hung_; }  // nothing more will come than what the kernel holds

 private:
  void on_events(std::uint32_t events) override;
  void watch();
  std::ptrdiff_t outcome(std::ptrdiff_t count);

  int epoll_;
  UniqueFd fd_;
  bool readable_ = false, writable_ = false, hung_ = false, broken_ = false;
};

}  // namespace culvert::link
