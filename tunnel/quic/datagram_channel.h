// tunnel/quic/datagram_channel.h: INTERFACE of a path for datagrams between two endpoints, as a
// QUIC connection borrows it. Whoever owns the path may carry other things on it as well and tells
// them apart by the first octet (RFC 9443).
#pragma once
#include <span>

#include "tunnel/base/bytes.h"

namespace culvert::quic {

class DatagramChannel {
 public:
  // The owner may destroy the channel from inside any of these.
  class Listener {
   public:
    // Datagrams of `segment` octets one behind the other, the last perhaps shorter; gone when this
    // returns. What came with one system call is best told with as few calls.
    virtual void on_datagrams(Bytes data, std::size_t segment) = 0;
    virtual void on_channel_writable() = 0;         // after send() took fewer than it was given
    virtual void on_channel_broken(int error) = 0;  // nothing comes or goes any more: an errno

   protected:
    ~Listener() = default;
  };

  virtual void set_listener(Listener* listener) = 0;  // null: what comes is dropped
  // How many were taken, from the first. They need not stay. A datagram that is too large for the
  // path is taken and lost: never fragmented, or path MTU discovery finds a wrong size.
  virtual std::size_t send(std::span<const Bytes> datagrams) = 0;
  virtual ~DatagramChannel() = default;
};

}  // namespace culvert::quic
