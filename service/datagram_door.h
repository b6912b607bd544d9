// service/datagram_door.h: how datagrams get to whoever lives on another loop: packed, a batch in
// one piece of work. What a receiver has not taken yet is limited; what comes on top is dropped, as
// a socket's buffer has it, so that no slow thread makes a fast one keep what it cannot send.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "tunnel/base/bytes.h"
#include "tunnel/loop/remote.h"

namespace culvert::service {

class Parcel {
 public:
  void add(Bytes datagram) {
    sizes_.push_back(static_cast<std::uint16_t>(datagram.size()));  // UDP's has 16 bits
    append(octets_, datagram);
  }
  bool empty() const { return sizes_.empty(); }
  std::size_t octets() const { return octets_.size(); }
  template <class Take>
  void for_each(Take take) const {
    Bytes rest{octets_};
    for (const auto size : sizes_) {
      take(rest.first(size));
      rest = rest.subspan(size);
    }
  }

 private:
  std::vector<std::uint16_t> sizes_;
  ByteVector octets_;
};

template <class T>
class DatagramDoor {
 public:
  static constexpr std::size_t kMostWaiting = 1 << 20;  // octets

  DatagramDoor() = default;  // to nobody
  DatagramDoor(T& object, loop::Mailbox& mailbox)
      : remote_(object, mailbox), waiting_(std::make_shared<std::atomic<std::size_t>>(0)) {}

  const loop::Remote<T>& remote() const { return remote_; }

  // take(object, parcel): at once where it lives on the loop of `here`, which is the caller's; it
  // is not gone then.
  template <class Take>
  void deliver(const loop::Mailbox& here, Parcel parcel, Take take) const {
    if (&remote_.mailbox() == &here)
      take(*remote_.object(), parcel);
    else
      post(std::move(parcel), std::move(take));
  }
  // The same, there and never at once. Any thread.
  template <class Take>
  void post(Parcel parcel, Take take) const {
    const auto size = parcel.octets();
    if (parcel.empty() || waiting_->load(std::memory_order_relaxed) + size > kMostWaiting) return;
    waiting_->fetch_add(size, std::memory_order_relaxed);
    remote_.post([waiting = waiting_, size, parcel = std::move(parcel), take](T& object) {
      waiting->fetch_sub(size, std::memory_order_relaxed);
      take(object, parcel);
    });
  }
  bool operator==(const DatagramDoor&) const = default;

 private:
  loop::Remote<T> remote_;
  std::shared_ptr<std::atomic<std::size_t>> waiting_;
};

}  // namespace culvert::service
