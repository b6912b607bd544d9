// service/packet_relay.h: two endpoints that hear each other's packets by way of the service, each
// through a stream of its own session: by UDP where that session has a path for it, in its carrier
// where not, so a packet may change from the one to the other here. What they carry is sealed
// between the two (PROTOCOL.md section 7.3); nothing is kept or sent again.
//
// Who meets is named by a token that only the two know. Each is told on its stream, by an octet,
// whether the other one is there, and whether packets reach it by UDP. Packets are charged to the
// sender's budget. The two may live on different loops.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "service/datagram_door.h"
#include "tunnel/control/target.h"
#include "tunnel/flow/datagram_flow.h"

namespace culvert::service {

class PacketRelayMember;

class PacketRelays {
 public:
  static constexpr std::size_t kMembers = 2;
  using Door = DatagramDoor<PacketRelayMember>;

  bool enter(const std::string& token, const Door& member);  // false: two are there already
  void leave(const std::string& token, const Door& member);
  std::optional<Door> other(const std::string& token, const Door& member) const;
  // What is posted to the other one reaches it in the order in which the two came and went.
  template <class Work>
  void post_to_other(const std::string& token, const Door& member, Work work) const {
    const std::lock_guard lock(mutex_);
    if (const auto* there = find_other(token, member)) there->remote().post(std::move(work));
  }

 private:
  const Door* find_other(const std::string& token, const Door& member) const;
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<Door>> places_;
};

class PacketRelayMember final : private session::SessionLink::StreamHandler {
 public:
  class Listener {
   public:
    virtual void on_packet_relay_left(PacketRelayMember& member) = 0;  // destroy it
    virtual bool is_reached_by_udp() const = 0;  // what is sent to this endpoint

   protected:
    ~Listener() = default;
  };
  struct Context {
    loop::Loop& loop;
    loop::Mailbox& mailbox;  // of this loop
    PacketRelays& relays;
    flow::DatagramBudget& budget;
  };

  // Accepts the stream. What is in `context`, and the link, outlive it. Null: two are there
  // already, and the stream is as it was.
  static std::unique_ptr<PacketRelayMember> meet(const Context& context, std::string token,
                                                 session::SessionLink& link, mux::StreamId stream,
                                                 Listener& listener);
  ~PacketRelayMember();
  void tell_other();  // is_reached_by_udp() has changed

 private:
  friend class PacketRelays;
  PacketRelayMember(const Context& context, std::string token, session::SessionLink& link,
                    mux::StreamId stream, Listener& listener);
  control::RelayedBy reached_by() const;
  void send(const Parcel& packets);
  void on_stream_accepted() override {}
  void on_stream_readable() override;
  void on_stream_writable() override {}
  void on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) override;
  void on_stream_reset(const Error& why) override;
  void tell(control::RelayedBy other);

  Context context_;
  std::string token_;
  session::SessionLink& link_;
  mux::StreamId stream_;
  Listener& listener_;
  PacketRelays::Door door_;
  std::byte told_{};
  bool entered_ = false, stream_gone_ = false;
};

}  // namespace culvert::service
