// tunnel/loop/tcp_dial.h: one attempt to connect to one address, with a deadline.
#pragma once
#include <optional>

#include "tunnel/base/address.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/fd_watch.h"
#include "tunnel/loop/local_address.h"
#include "tunnel/loop/timer.h"

namespace culvert::loop {

class TcpDial final : private FdWatch::Listener, private Timer::Listener {
 public:
  class Listener {
   public:
    // `error` is 0 and `fd` connected, or an errno value (ETIMEDOUT when the deadline passed). A
    // connection may be reset by now, which the first read or write tells.
    // Called once, never from inside the constructor; may destroy the dial.
    virtual void on_dialled(TcpDial& dial, UniqueFd fd, int error) = 0;

   protected:
    ~Listener() = default;
  };

  // kTry: TCP Fast Open (RFC 7413). Where the kernel knows the far end's cookie, the dial succeeds
  // at once, without a packet, and the first write() goes out with the SYN; a far end that is not
  // there then breaks the connection. Only where it does no harm that the first octets arrive
  // twice.
  enum class FastOpen : std::uint8_t { kNo, kTry };

  // Whether another port will do than that of `from`: kIfFree takes any where somebody here has
  // that one, and is connected there.
  enum class Port : std::uint8_t { kThis, kIfFree };

  // Of both directions: with its headers such a segment passes wherever IPv6 does (1280 octets, RFC
  // 8200 section 5).
  static constexpr int kSmallSegment = 1220;

  // `most_segment`: octets (TCP_MAXSEG); 0: what the link bears.
  TcpDial(Loop& loop, const SocketAddress& to, Duration limit, Listener& listener,
          const std::optional<SocketAddress>& from = std::nullopt,
          FastOpen fast_open = FastOpen::kNo, Port port = Port::kThis, int most_segment = 0);
  const SocketAddress& to() const { return to_; }
  SocketAddress from() const { return local_address(fd_.get()); }  // while it is under way

 private:
  int begin(const std::optional<SocketAddress>& from, FastOpen fast_open, Port port,
            int most_segment);
  void on_fd_ready(FdWatch& watch, bool readable, bool writable) override;
  void on_timer(Timer& timer) override;
  void finish(int error);

  SocketAddress to_;
  Listener& listener_;
  UniqueFd fd_;
  std::optional<FdWatch> watch_;
  Timer timer_;
  int early_error_ = 0;
};

}  // namespace culvert::loop
