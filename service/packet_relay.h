// service/packet_relay.h: two endpoints that hear each other's packets by way of the service, each
// through a stream of its own session: by UDP where that session has a path for it, in its carrier
// where not, so a packet may change from the one to the other here. What they carry is sealed
// between the two (PROTOCOL.md section 7.3); nothing is kept or sent again.
//
// Who meets is named by a token that only the two know. Each is told on its stream, by an octet,
// whether the other one is there, and whether packets reach it by UDP. Packets are charged to the
// sender's budget.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "tunnel/flow/datagram_flow.h"

namespace culvert::service {

class PacketRelayMember;

class PacketRelays {
 public:
  static constexpr std::size_t kMembers = 2;
  std::size_t members(const std::string& token) const;

 private:
  friend class PacketRelayMember;
  std::map<std::string, std::vector<PacketRelayMember*>> places_;
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
    PacketRelays& relays;
    flow::DatagramBudget& budget;
  };

  // Accepts the stream; there is room at the token. What is in `context`, and the link, outlive it.
  PacketRelayMember(const Context& context, std::string token, session::SessionLink& link,
                    mux::StreamId stream, Listener& listener);
  ~PacketRelayMember();
  void tell_other();  // is_reached_by_udp() has changed

 private:
  void on_stream_accepted() override {}
  void on_stream_readable() override;
  void on_stream_writable() override {}
  void on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) override;
  void on_stream_reset(const Error& why) override;
  PacketRelayMember* other() const;
  void tell(const PacketRelayMember* other);

  Context context_;
  std::string token_;
  session::SessionLink& link_;
  mux::StreamId stream_;
  Listener& listener_;
  std::byte told_{};
  bool stream_gone_ = false;
};

}  // namespace culvert::service
